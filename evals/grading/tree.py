"""The tree that an answer is parsed into; made by parser.py, read by evaluate.py and compare.py."""

from dataclasses import dataclass
from fractions import Fraction


class LimitReached(Exception):
    """An answer is larger than what is graded: too long, too deep, or a number too big."""


class Unreadable(Exception):
    """An answer is not written in the notation that the parser knows."""


@dataclass(frozen=True, slots=True)
class Number:
    """A literal; `digits` counts the significant digits of a decimal and is None for integers."""

    value: Fraction
    digits: int | None = None
    places: int = 0
    """Decimal places of the last digit written: 2 for 1.25, -31 for 4.25e33."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable or an unknown word, decorations and subscripts part of its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function on its arguments: add, multiply, power, sin, factorial, ..."""

    head: str
    args: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Bracket:
    """Comma-separated items in brackets: tuple, interval, set or list, as the kind says."""

    kind: str
    """The two brackets: (), [], (], [), {} or <>."""
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of a matrix, a column vector or a system in one environment."""

    rows: "tuple[tuple[Node, ...], ...]"


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain like 0 < x <= 1: one operator fewer than parts."""

    parts: "tuple[Node, ...]"
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Items side by side without brackets; `outer` for those that ; or words separate."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Words:
    """Plain language: normalised words."""

    text: str


@dataclass(frozen=True, slots=True)
class Based:
    """A numeral with its base written: 4210_7."""

    digits: str
    base: int


Node = Number | Symbol | Apply | Bracket | Matrix | Relation | Listing | Words | Based


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    if isinstance(node, Apply):
        return node.args
    if isinstance(node, Bracket | Listing):
        return node.items
    if isinstance(node, Relation):
        return node.parts
    if isinstance(node, Matrix):
        return tuple(cell for row in node.rows for cell in row)
    return ()


def walk(node: Node) -> list[Node]:
    """The node and all below it."""
    found = [node]
    for seen in found:
        found.extend(children(seen))
    return found


def rebuilt(node: Node, parts: tuple[Node, ...]) -> Node:
    """The same kind of node over other children."""
    if isinstance(node, Apply):
        return Apply(node.head, parts)
    if isinstance(node, Bracket):
        return Bracket(node.kind, parts)
    if isinstance(node, Listing):
        return Listing(parts)
    if isinstance(node, Relation):
        return Relation(parts, node.operators)
    if isinstance(node, Matrix):
        width = len(node.rows[0]) if node.rows else 0
        rows = [parts[start : start + width] for start in range(0, len(parts), max(1, width))]
        return Matrix(tuple(rows))
    return node


def symbols(node: Node) -> set[str]:
    """Names of the variables in a tree."""
    return {seen.name for seen in walk(node) if isinstance(seen, Symbol)}


def transposed(node: Bracket | Matrix) -> Node:
    """Rows as columns; a tuple is a row and a column at once."""
    if isinstance(node, Bracket):
        return node
    return Matrix(tuple(zip(*node.rows, strict=False)))
