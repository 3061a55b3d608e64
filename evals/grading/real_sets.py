"""Sets of real numbers in interval notation, as inequalities or as conditions; for compare.py."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from evals.grading.evaluate import CONTEXT, Value, exact
from evals.grading.quantities import real_value
from evals.grading.tree import (
    Apply,
    Bracket,
    Listing,
    Node,
    Number,
    Relation,
    Symbol,
    Words,
    symbols,
)

FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
ORDERS = frozenset({"<", ">", "<=", ">="})
INFINITE = Apply("infinity", ())
MINUS_INFINITE = Apply("negate", (INFINITE,))
MAX_CONDITIONS = 6
Same = Callable[[Node, Node], bool]


@dataclass(frozen=True, slots=True)
class Interval:
    """One piece of a set of reals; a point has equal ends, both closed."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool


Pieces = list[Interval]


def is_set_notation(node: Node) -> bool:
    """Whether a tree can only mean a set of reals: (3,4) alone could be a pair."""
    if isinstance(node, Relation):
        return node.operators[0] == "in" or any(
            operator in ORDERS or operator == "!=" for operator in node.operators
        )
    if isinstance(node, Apply):
        return node.head in ("cup", "cap", "minus", "such that")
    if isinstance(node, Bracket):
        return node.kind in ("(]", "[)") or any(_infinite(item) for item in node.items)
    if isinstance(node, Listing):
        kinds = {type(item) for item in node.items}
        return kinds <= {Relation} and any(is_set_notation(item) for item in node.items)
    return node == Symbol("mathbb R")


def _infinite(node: Node) -> bool:
    if isinstance(node, Apply) and node.head == "negate":
        return _infinite(node.args[0])
    return node == INFINITE


def pieces(node: Node) -> Pieces | None:
    """The intervals and points that a tree describes, from low to high; None when it is no set."""
    found = _pieces(node)
    if found is None or len(found) < 2:
        return found
    keyed = []
    for piece in found:
        low, high = _place(piece.low), _place(piece.high)
        if low is None or high is None:
            return None
        keyed.append((low, not piece.low_closed, high, piece))
    keyed.sort(key=lambda entry: entry[:3])
    return _merged([entry[3] for entry in keyed])


def _merged(found: Pieces) -> Pieces:
    """The pieces with those joined that touch or overlap."""
    merged = [found[0]]
    for piece in found[1:]:
        last = merged[-1]
        end, start = _place(last.high), _place(piece.low)
        touches = start < end or (start == end and (last.high_closed or piece.low_closed))
        if not touches:
            merged.append(piece)
        elif _place(piece.high) > end:
            merged[-1] = replace(last, high=piece.high, high_closed=piece.high_closed)
        elif _place(piece.high) == end:
            merged[-1] = replace(last, high_closed=last.high_closed or piece.high_closed)
    return merged


def _place(node: Node) -> Value:
    """Where an end lies: a real number or infinity; None when it depends on a variable."""
    if _infinite(node):
        return CONTEXT.inf if node == INFINITE else -CONTEXT.inf
    return real_value(node)


def _pieces(node: Node) -> Pieces | None:
    if isinstance(node, Bracket):
        return _bracket(node)
    if isinstance(node, Relation):
        return _relation(node)
    if isinstance(node, Listing):
        return _listing(node)
    if isinstance(node, Apply) and node.head == "cup":
        left, right = _pieces(node.args[0]), _pieces(node.args[1])
        return None if left is None or right is None else left + right
    if isinstance(node, Apply) and node.head == "minus":
        return _difference(node)
    if isinstance(node, Apply) and node.head == "such that":
        return _pieces(node.args[1])
    if isinstance(node, Apply) and node.head == "emptyset":
        return []
    if node == Symbol("mathbb R"):
        return [Interval(MINUS_INFINITE, INFINITE, False, False)]
    return None


def _bracket(node: Bracket) -> Pieces | None:
    if node.kind == "{}":
        if len(node.items) == 1 and isinstance(node.items[0], Apply):
            inner = node.items[0]
            if inner.head == "such that":
                return _pieces(inner)
        if any(isinstance(item, Bracket | Relation) for item in node.items):
            return None
        return [Interval(item, item, True, True) for item in node.items]
    if len(node.items) != 2 or node.kind == "<>":
        return None
    low, high = node.items
    return [Interval(low, high, node.kind[0] == "[", node.kind[1] == "]")]


def _difference(node: Apply) -> Pieces | None:
    """A set without finitely many points."""
    whole, removed = _pieces(node.args[0]), _pieces(node.args[1])
    if whole is None or removed is None or any(piece.low != piece.high for piece in removed):
        return None
    for hole in removed:
        place, rest = _place(hole.low), []
        for piece in whole:
            low, high = _place(piece.low), _place(piece.high)
            if place is None or low is None or high is None:
                return None
            if low < place < high:
                rest.append(replace(piece, high=hole.low, high_closed=False))
                rest.append(replace(piece, low=hole.low, low_closed=False))
            else:
                rest.append(
                    replace(
                        piece,
                        low_closed=piece.low_closed and low != place,
                        high_closed=piece.high_closed and high != place,
                    )
                )
        whole = rest
    return whole


def _relation(node: Relation) -> Pieces | None:
    if node.operators == ("in",):
        named = isinstance(node.parts[0], Symbol | Words) or not isinstance(node.parts[1], Bracket)
        return _pieces(node.parts[1]) if named or _is_call(node.parts[0]) else None
    if len(node.operators) == 1:
        return _inequality(node.parts[0], node.operators[0], node.parts[1])
    if len(node.operators) == 2 and set(node.operators) <= ORDERS:
        first, second = node.operators
        if first[0] != second[0]:
            return None
        low, variable, high = node.parts
        if not symbols(variable) or _bounds_variable(low, high, variable):
            return None
        if first[0] == ">":
            low, high, first, second = high, low, second, first
        return [Interval(low, high, first.endswith("="), second.endswith("="))]
    return None


def _is_call(node: Node) -> bool:
    return isinstance(node, Apply) and node.head == "call"


def _bounds_variable(low: Node, high: Node, variable: Node) -> bool:
    return bool(symbols(variable) & (symbols(low) | symbols(high)))


def _inequality(left: Node, operator: str, right: Node) -> Pieces | None:
    if operator not in FLIPPED:
        return None
    if symbols(right) and not symbols(left):
        left, operator, right = right, FLIPPED[operator], left
    if not symbols(left) or symbols(right) & symbols(left):
        return None
    while True:  # -x > -1 and 2x < 6, solved for x
        if isinstance(left, Apply) and left.head == "negate":
            left, operator, right = left.args[0], FLIPPED[operator], Apply("negate", (right,))
            continue
        if isinstance(left, Apply) and left.head == "multiply":
            factor = exact(left.args[0])
            if factor:
                operator = operator if factor > 0 else FLIPPED[operator]
                left, right = left.args[1], Apply("divide", (right, Number(Fraction(factor))))
                continue
        break
    if isinstance(left, Apply) and left.head == "abs" and isinstance(left.args[0], Symbol):
        return _absolute(operator, right)
    if not isinstance(left, Symbol) and not _is_call(left):
        return None
    closed = operator.endswith("=") and operator != "!="
    if operator == "=":
        return [Interval(right, right, True, True)]
    below = Interval(MINUS_INFINITE, right, False, closed)
    above = Interval(right, INFINITE, closed, False)
    if operator == "!=":
        return [below, above]
    return [below] if operator[0] == "<" else [above]


def _absolute(operator: str, size: Node) -> Pieces | None:
    """|x| < 2 and |x| > 2 as intervals."""
    value = real_value(size)
    if value is None or value <= 0 or operator not in ORDERS:
        return None
    below, closed = Apply("negate", (size,)), operator.endswith("=")
    if operator[0] == "<":
        return [Interval(below, size, closed, closed)]
    return [
        Interval(MINUS_INFINITE, below, False, closed),
        Interval(size, INFINITE, closed, False),
    ]


def _listing(node: Listing) -> Pieces | None:
    """Several conditions on one variable: alternatives, or both when alternatives say nothing."""
    if all(isinstance(item, Bracket) and item.kind != "{}" for item in node.items):
        parts = [_pieces(item) for item in node.items]
        return None if None in parts else [piece for part in parts for piece in part or []]
    if not all(isinstance(item, Relation) for item in node.items):
        return None
    if len({frozenset(symbols(item)) for item in node.items}) != 1:
        return None
    sets = [_pieces(item) for item in node.items]
    if len(sets) > MAX_CONDITIONS or any(found is None for found in sets):
        return None
    common = sets[0]
    for more in sets[1:]:
        common = _common(common or [], more or [])
        if common is None:
            return None
    return common or [piece for found in sets for piece in found or []]


def _common(left: Pieces, right: Pieces) -> Pieces | None:
    """What two sets have in common; None when an end depends on a variable."""
    found: Pieces = []
    for one in left:
        for other in right:
            ends = [_place(end) for end in (one.low, other.low, one.high, other.high)]
            if any(end is None for end in ends):
                return None
            start, stop = max(ends[:2]), min(ends[2:])
            lower = one if ends[0] == start else other
            upper = one if ends[2] == stop else other
            low_closed = all(
                piece.low_closed
                for piece, end in zip((one, other), ends[:2], strict=True)
                if end == start
            )
            high_closed = all(
                piece.high_closed
                for piece, end in zip((one, other), ends[2:], strict=True)
                if end == stop
            )
            if start < stop or (start == stop and low_closed and high_closed):
                found.append(Interval(lower.low, upper.high, low_closed, high_closed))
    return found


def same_pieces(gold: Pieces, answer: Pieces, same: Same) -> bool:
    """Whether two sets are equal: as many pieces, equal ends, equally open or closed."""
    if len(gold) != len(answer):
        return False
    return all(
        _same_end(left.low, left.low_closed, right.low, right.low_closed, same)
        and _same_end(left.high, left.high_closed, right.high, right.high_closed, same)
        for left, right in zip(gold, answer, strict=True)
    )


def _same_end(gold: Node, gold_closed: bool, answer: Node, closed: bool, same: Same) -> bool:
    if _infinite(gold) or _infinite(answer):
        return gold == answer
    return gold_closed == closed and same(gold, answer)
