"""Decides whether two trees are the same number, formula or measured quantity; for compare.py."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from evals.grading.evaluate import CONTEXT, Point, Value, close, exact, numeric
from evals.grading.tree import (
    Apply,
    Based,
    Node,
    Number,
    Symbol,
    Unreadable,
    children,
    symbols,
    walk,
)
from evals.grading.units import same_unit

MIN_DIGITS_OF_ANSWER = 6
"""Significant digits that a decimal must show to stand for an exact gold answer."""
MIN_DIGITS_OF_GOLD = 3
"""Significant digits from which a decimal gold answer is read as rounded."""
EDGE = 1 - CONTEXT.mpf(10) ** -9
"""Units in the last digit by which a decimal that is cut off may fall short."""
DIGITS_OF_A_FLOAT = 15
"""Significant digits from which a decimal is taken for a printed floating-point number."""
WHOLE_HEADS = frozenset({"factorial", "binomial", "floor", "ceil", "modulo", "gcd", "lcm"})
ROUNDING = frozenset({"floor", "ceil", "modulo"})
"""Different formulas agree at many integers here, so that every one of the first is looked at."""
POLYNOMIAL = frozenset({"add", "negate", "multiply", "power"})
TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})


@dataclass(frozen=True, slots=True)
class _Mode:
    """How degrees and percentages are read."""

    radians: bool = True
    percent: int = 100


def _heads(node: Node) -> set[str]:
    """Heads in a tree, those inside of trigonometric functions left out."""
    if not isinstance(node, Apply):
        return set()
    if node.head in TRIGONOMETRIC:
        return {node.head}
    return {node.head}.union(*(_heads(argument) for argument in node.args))


def _modes(gold: Node, answer: Node) -> Iterator[_Mode]:
    """The literal reading; without the sign when only one side writes a degree or percent sign."""
    yield _Mode()
    left, right = _heads(gold), _heads(answer)
    if ("degrees" in left) != ("degrees" in right):
        yield _Mode(radians=False)
    if ("percent" in left) != ("percent" in right):
        yield _Mode(percent=1)


def same_quantity(gold: Node, answer: Node) -> bool:
    """Whether two trees have the same value everywhere, or agree to the digits written.

    Raises:
        LimitReached: a number grows too large.
        Unreadable: one of them is no number.
    """
    factor = Fraction(1)
    if isinstance(gold, Apply) and isinstance(answer, Apply) and gold.head == answer.head == "unit":
        scale = same_unit(gold.args[1], answer.args[1])
        if scale is None:
            return False
        factor = scale
    gold, answer = _without_unit(gold), _without_unit(answer)
    if factor != 1:
        answer = Apply("multiply", (answer, Number(factor)))
    if any(_same_in_mode(gold, answer, mode) for mode in _modes(gold, answer)):
        return True
    return _agree_when_rounded(gold, answer)


def _without_unit(node: Node) -> Node:
    while isinstance(node, Apply) and node.head == "unit":
        node = node.args[0]
    return node


def _same_in_mode(gold: Node, answer: Node, mode: _Mode) -> bool:
    degree = None if mode.radians else Fraction(1)
    left = exact(gold, degree=degree, percent=mode.percent)
    right = exact(answer, degree=degree, percent=mode.percent)
    if left is not None and right is not None:
        return left == right
    return _same_everywhere(gold, answer, mode)


def points(*trees: Node) -> list[Point]:
    """Where formulas are compared: integers where only these make sense, else reals of any sign."""
    if not set().union(*(symbols(tree) for tree in trees)):
        return [Point(0, "positive")]
    nodes = [seen for tree in trees for seen in walk(tree)]
    if any(_needs_integers(seen) for seen in nodes):
        rounded = [seen for seen in nodes if isinstance(seen, Apply) and seen.head in ROUNDING]
        if not any(_is_whole(argument) for seen in rounded for argument in seen.args[:1]):
            counted = [Point(index, "counted") for index in range(1, 40)] if rounded else []
            return [Point(index, "whole") for index in range(6)] + counted
    return [Point(index, "positive") for index in range(3)] + [
        Point(index, "signed") for index in range(3, 8)
    ]


def _is_whole(node: Node) -> bool:
    """Whether a tree is an integer at integers, so that rounding it only makes sense at reals."""
    if isinstance(node, Apply):
        return node.head in POLYNOMIAL and all(map(_is_whole, node.args))
    return isinstance(node, Symbol) or (isinstance(node, Number) and node.value.denominator == 1)


def _needs_integers(node: Node) -> bool:
    if not isinstance(node, Apply) or not any(symbols(argument) for argument in node.args):
        return False
    if node.head == "power":
        base = node.args[0]
        return bool(symbols(node.args[1])) and isinstance(base, Apply) and base.head == "negate"
    return node.head in WHOLE_HEADS


def _same_everywhere(gold: Node, answer: Node, mode: _Mode) -> bool:
    where = points(gold, answer)
    agreed = 0
    for point in where:
        try:
            left = numeric(gold, point, degree=mode.radians, percent=mode.percent)
            right = numeric(answer, point, degree=mode.radians, percent=mode.percent)
        except ZeroDivisionError:
            continue
        if point.kind == "signed" and (_complex(left) or _complex(right)):
            continue  # off the branch on which roots and logarithms are meant
        if not close(left, right):
            return False
        agreed += 1
    return agreed >= min(2, len(where))


def _complex(value: Value) -> bool:
    return bool(abs(CONTEXT.im(value)) > CONTEXT.mpf(2) ** -100)


def real_value(node: Node, mode: _Mode | None = None) -> Value | None:
    """The value of a constant real tree; None for others."""
    mode = mode or _Mode()
    if symbols(node):
        return None
    try:
        value = numeric(
            _without_unit(node), Point(0, "positive"), degree=mode.radians, percent=mode.percent
        )
    except (Unreadable, ZeroDivisionError):
        return None
    return None if _complex(value) else CONTEXT.re(value)


def _literal(node: Node) -> Number | None:
    """The decimal that a tree is: its sign, power of ten, degree or percent sign included."""
    if isinstance(node, Number):
        return node if node.digits is not None else None
    if not isinstance(node, Apply):
        return None
    if node.head == "negate":
        inner = _literal(node.args[0])
        return inner and Number(-inner.value, inner.digits, inner.places)
    if node.head in ("degrees", "unit"):
        return _literal(node.args[0])
    if node.head == "percent":
        inner = _literal(node.args[0])
        return inner and Number(inner.value / 100, inner.digits, inner.places + 2)
    if node.head == "multiply":
        inner, power = _literal(node.args[0]), node.args[1]
        if inner and isinstance(power, Apply) and power.head == "power":
            exponent = exact(power.args[1])
            if exact(power.args[0]) == 10 and exponent is not None and exponent.denominator == 1:
                scale = Fraction(10) ** int(exponent)
                return Number(inner.value * scale, inner.digits, inner.places - int(exponent))
    return None


def _agree_when_rounded(gold: Node, answer: Node) -> bool:
    """Whether one side is a decimal that shows enough digits, all of them right, of the other.

    An answer must show MIN_DIGITS_OF_ANSWER digits of an exact gold answer (rounded or cut off).
    A gold decimal of MIN_DIGITS_OF_GOLD digits or more is taken as rounded: whatever rounds to it
    is right, an answer with fewer digits than it is not.
    """
    written, given = _literal(gold), _literal(answer)
    if _is_float(given) != _is_float(written):
        return _nearly_equal(gold, answer)
    if written is not None:
        if (written.digits or 0) < MIN_DIGITS_OF_GOLD:
            return False
        if given is not None and given.places <= written.places:
            return False
        return _within(answer, written, cut=False)
    if given is None or (given.digits or 0) < MIN_DIGITS_OF_ANSWER:
        return False
    return _within(gold, given, cut=True)


def _is_float(decimal: Number | None) -> bool:
    return decimal is not None and (decimal.digits or 0) >= DIGITS_OF_A_FLOAT


def _nearly_equal(gold: Node, answer: Node) -> bool:
    """Equality up to the errors of floating-point arithmetic."""
    left, right = real_value(gold), real_value(answer)
    if left is None or right is None:
        return False
    return bool(abs(left - right) <= abs(left) * CONTEXT.mpf(10) ** -14)


def _within(node: Node, decimal: Number, *, cut: bool) -> bool:
    """Whether the tree's value rounds to the decimal, or begins with its digits when `cut`."""
    scale = CONTEXT.mpf(10) ** decimal.places
    target = CONTEXT.mpf(decimal.value.numerator) / decimal.value.denominator
    modes = [_Mode(), _Mode(radians=False)] if "degrees" in _heads(node) else [_Mode()]
    for mode in modes:
        value = real_value(node, mode)
        if value is None:
            continue
        distance = (value - target) * scale
        if abs(distance) <= CONTEXT.mpf("0.5"):
            return True
        if cut and abs(distance) < EDGE and abs(target) <= abs(value):
            return True
    return False


def same_numeral(gold: Node, answer: Node) -> bool:
    """The same digits in the same base; a base that one side leaves out is forgiven."""
    if isinstance(gold, Based) and isinstance(answer, Based):
        return (gold.digits.lstrip("0"), gold.base) == (answer.digits.lstrip("0"), answer.base)
    based, other = (gold, answer) if isinstance(gold, Based) else (answer, gold)
    assert isinstance(based, Based)
    return isinstance(other, Number) and other.digits is None and other.value == int(based.digits)


def ratio_of_many(node: Node) -> bool:
    """Whether a tree is a ratio of three or more."""
    return isinstance(node, Apply) and node.head == "ratio" and len(node.args) > 2


def same_ratio(gold: Node, answer: Node) -> bool:
    """Proportional terms."""
    if not (ratio_of_many(gold) and ratio_of_many(answer)):
        return False
    left, right = children(gold), children(answer)
    return len(left) == len(right) and all(
        same_quantity(Apply("multiply", (one, right[0])), Apply("multiply", (other, left[0])))
        for one, other in zip(left, right, strict=True)
    )
