"""Rewrites trees to what is compared: signs chosen, scalars multiplied in, items taken out."""

import itertools
from typing import TypeGuard

from evals.grading import relations
from evals.grading.tree import (
    Apply,
    Bracket,
    Listing,
    Matrix,
    Node,
    Number,
    Relation,
    Symbol,
    Words,
    children,
    rebuilt,
    walk,
)

MAX_MATRIX_PRODUCTS = 1_000
MAX_DETERMINANT = 4
REALS = Symbol("mathbb R")
ARITHMETIC = frozenset({"add", "multiply", "divide", "negate"})


def simplified(node: Node) -> Node:
    """The tree without a set around one condition, scalars multiplied into vectors, +- in two."""
    if isinstance(node, Bracket) and node.kind == "{}":
        return _opened(node)
    if isinstance(node, Listing) and len(node.items) == 1:
        return simplified(node.items[0])
    if isinstance(node, Apply) and node.head == "unit":
        if isinstance(node.args[0], Words):
            return Words(" ".join(part.text for part in node.args if isinstance(part, Words)))
        if not isinstance(node.args[0], Apply | Number | Symbol):
            return simplified(node.args[0])
    if isinstance(node, Apply) and node.head == "add" and node.args[0] == REALS:
        return _reals_without(node)
    if isinstance(node, Apply) and node.head == "det" and isinstance(node.args[0], Matrix):
        return _determinant([list(row) for row in node.args[0].rows]) or node
    if isinstance(node, Apply) and node.head in ARITHMETIC and _holds_vector(node):
        return _vector_arithmetic(node)
    if has_sign_pair(node) and not is_many(node):
        return Listing(tuple(sign_choices(node)))
    return node


def _opened(node: Bracket) -> Node:
    """A set of one thing as that thing, of none as the empty set, of x = 1, y = 2 as a list."""
    if not node.items:
        return Apply("emptyset", ())
    if len(node.items) == 1:
        return simplified(node.items[0])
    labels = [item.parts[0] for item in node.items if isinstance(item, Relation)]
    if len(set(labels)) == len(node.items) and all(map(relations.is_equation, node.items)):
        return Listing(node.items)
    return node


def _reals_without(node: Apply) -> Node:
    """R - {0}."""
    removed = node.args[1]
    if len(node.args) == 2 and isinstance(removed, Apply) and removed.head == "negate":
        return Apply("minus", (REALS, removed.args[0]))
    return node


def _determinant(rows: list[list[Node]]) -> Node | None:
    """The determinant of a small square matrix as a sum; None for others."""
    if len(rows) == 1 and len(rows[0]) == 1:
        return rows[0][0]
    if len(rows) > MAX_DETERMINANT or any(len(row) != len(rows) for row in rows):
        return None
    terms: list[Node] = []
    for column, cell in enumerate(rows[0]):
        minor = _determinant([row[:column] + row[column + 1 :] for row in rows[1:]])
        if minor is None:
            return None
        term = Apply("multiply", (cell, minor))
        terms.append(Apply("negate", (term,)) if column % 2 else term)
    return Apply("add", tuple(terms))


def is_residue(node: Node) -> TypeGuard[Apply]:
    """Whether a tree is a number modulo another."""
    return isinstance(node, Apply) and node.head == "modulo"


def unnamed_point(node: Node, other: Node) -> Node:
    """P(1,2) as (1,2), where the other side is a tuple."""
    if not isinstance(other, Bracket) or not isinstance(node, Apply) or node.head != "multiply":
        return node
    name, point = node.args
    named = isinstance(name, Symbol) and name.name.isupper() and isinstance(point, Bracket)
    return point if named else node


def _holds_vector(node: Node) -> bool:
    return any(isinstance(seen, Matrix | Bracket) for seen in walk(node))


def _vector_arithmetic(node: Apply) -> Node:
    """A sum or product of matrices as one matrix, a number times a vector as that vector.

    Each argument is simplified once: twice would double the work at every level of the tree.
    """
    node = Apply(node.head, tuple(simplified(argument) for argument in node.args))
    matrices = [argument for argument in node.args if isinstance(argument, Matrix)]
    if len(matrices) != len(node.args) or len(matrices) < 2 or node.head == "divide":
        return _scaled(node)
    result = matrices[0]
    for other in matrices[1:]:
        combined = (_sum if node.head == "add" else _product)(result, other)
        if combined is None:
            return node
        result = combined
    return result


def _sum(left: Matrix, right: Matrix) -> Matrix | None:
    if [len(row) for row in left.rows] != [len(row) for row in right.rows]:
        return None
    return Matrix(
        tuple(
            tuple(Apply("add", pair) for pair in zip(*rows, strict=True))
            for rows in zip(left.rows, right.rows, strict=True)
        )
    )


def _product(left: Matrix, right: Matrix) -> Matrix | None:
    columns = list(zip(*right.rows, strict=False))
    size = len(left.rows) * len(columns) * len(right.rows)
    if size > MAX_MATRIX_PRODUCTS or any(len(row) != len(right.rows) for row in left.rows):
        return None
    return Matrix(
        tuple(
            tuple(
                Apply(
                    "add", tuple(Apply("multiply", pair) for pair in zip(row, column, strict=True))
                )
                for column in columns
            )
            for row in left.rows
        )
    )


def _scaled(node: Apply) -> Node:
    """A number times a vector or matrix as that vector or matrix."""
    for index, inner in enumerate(node.args):
        if isinstance(inner, Matrix) or (isinstance(inner, Bracket) and inner.kind in ("()", "<>")):
            others = node.args[:index] + node.args[index + 1 :]
            if len(others) > 1 or any(isinstance(other, Matrix | Bracket) for other in others):
                return node
            if node.head == "add" or (index == 1 and node.head == "divide"):
                return node
            cells = [
                Apply(node.head, (*node.args[:index], cell, *node.args[index + 1 :]))
                for cell in children(inner)
            ]
            return rebuilt(inner, tuple(cells))
    return node


def has_sign_pair(node: Node) -> bool:
    return any(isinstance(seen, Apply) and seen.head in ("pm", "mp") for seen in walk(node))


def sign_choices(node: Node) -> list[Node]:
    """The tree for every choice of signs; +- and -+ in one tree go together."""
    heads = [
        seen.head for seen in walk(node) if isinstance(seen, Apply) and seen.head in ("pm", "mp")
    ]
    free = 1 if "mp" in heads else min(len(heads), 3)
    found = []
    for signs in itertools.product((1, -1), repeat=free):
        found.append(with_signs(node, list(signs) if free > 1 else list(signs) * len(heads)))
    return found


def with_signs(node: Node, signs: list[int]) -> Node:
    if isinstance(node, Apply) and node.head in ("pm", "mp"):
        sign = signs.pop(0) if signs else 1
        inner = with_signs(node.args[0], signs)
        positive = (sign > 0) == (node.head == "pm")
        return inner if positive else Apply("negate", (inner,))
    below = children(node)
    if not below:
        return node
    return rebuilt(node, tuple(with_signs(child, signs) for child in below))


def is_many(node: Node) -> bool:
    return isinstance(node, Listing) or (isinstance(node, Bracket) and node.kind == "{}")


def elements(node: Node) -> list[Node]:
    """The items of a collection; +- in one of them gives two."""
    items = node.items if isinstance(node, Listing | Bracket) else (node,)
    found: list[Node] = []
    for item in items:
        choices = sign_choices(item) if has_sign_pair(item) else [item]
        found.extend(choices)
    return found


def distinct(items: tuple[Node, ...]) -> list[Node]:
    return list(dict.fromkeys(elements(Listing(items))))


def flat(items: list[Node]) -> list[Node]:
    """Items with lists among them dissolved."""
    found: list[Node] = []
    for item in items:
        if isinstance(item, Relation) and relations.is_equation(item) and is_many(item.parts[-1]):
            item = item.parts[-1]
        if isinstance(item, Listing) or (isinstance(item, Bracket) and item.kind == "{}"):
            found.extend(flat(elements(item)))
        else:
            found.append(item)
    return found


def rows_of(node: Node) -> list[list[Node]] | None:
    if isinstance(node, Matrix):
        return [list(row) for row in node.rows]
    if isinstance(node, Bracket) and node.kind in ("()", "[]", "<>"):
        if all(isinstance(item, Bracket) and item.kind in ("()", "[]") for item in node.items):
            return [list(item.items) for item in node.items if isinstance(item, Bracket)]
        return [list(node.items)]
    return None


def vector_of(rows: list[list[Node]]) -> list[Node] | None:
    if len(rows) == 1:
        return rows[0]
    return [row[0] for row in rows] if all(len(row) == 1 for row in rows) else None
