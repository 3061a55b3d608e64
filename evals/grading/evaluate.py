"""The value of a tree: exact fractions where all is rational, else many digits; for compare.py.

Every operation is guarded by the size of its result before it is carried out, so that towers of
powers and factorials of large numbers end in LimitReached and not in a long computation.
"""

import math
import random
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import mpmath  # type: ignore[import-untyped]

from evals.grading.tree import Apply, LimitReached, Node, Number, Symbol, Unreadable

BITS = 320
"""Working precision: 96 decimal digits."""
MAX_BITS = 80_000
"""Size of an exact number."""
MAX_FACTORIAL = 3_000
MAX_MAGNITUDE = 2**24
"""log2 of the largest inexact number."""

CONTEXT = mpmath.MPContext()
CONTEXT.prec = BITS
Value = Any  # mpf or mpc of CONTEXT
NUMBER_FREE = frozenset({"degrees", "percent", "pm", "mp", "unit"})


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise LimitReached("digits")
    return value


def exact(node: Node, *, degree: Fraction | None = None, percent: int = 100) -> Fraction | None:
    """The value as a fraction where the tree is rational arithmetic; None otherwise.

    Args:
        node: The tree.
        degree: The value of one degree, None when it is irrational (pi / 180).
        percent: What a percentage is divided by: 100, or 1 to read 5 % as 5.

    Raises:
        LimitReached: a number grows too large.
        Unreadable: the tree divides by zero.
    """
    if isinstance(node, Number):
        return node.value
    if not isinstance(node, Apply) or not node.args:
        return None
    if node.head == "degrees":
        inner = exact(node.args[0], percent=percent)
        return None if degree is None or inner is None else inner * degree
    combine = _EXACT.get(node.head)
    if combine is None and node.head != "percent":
        return None
    values = []
    for argument in node.args:
        value = exact(argument, degree=degree, percent=percent)
        if value is None:
            return None
        values.append(value)
    if combine is None:
        return values[0] / percent
    try:
        result = combine(*values)
    except ZeroDivisionError as error:
        raise Unreadable("division by zero") from error
    return None if result is None else _bounded(result)


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1:
        return (
            _exact_root(base**exponent.numerator, exponent.denominator)
            if (abs(exponent.numerator) <= 64 and exponent.denominator <= 64 and base > 0)
            else None
        )
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if base not in (0, 1, -1) and abs(exponent) * size > MAX_BITS:
        raise LimitReached("power")
    if base in (1, -1):
        return base if exponent % 2 else Fraction(1)
    return base**exponent.numerator


def _exact_root(value: Fraction, index: Fraction | int = 2) -> Fraction | None:
    """A rational root, where there is one."""
    if Fraction(index).denominator != 1 or not 1 <= index <= 64 or value < 0:
        return None
    roots = [_integer_root(part, int(index)) for part in (value.numerator, value.denominator)]
    if roots[0] is None or roots[1] is None:
        return None
    return Fraction(roots[0], roots[1])


def _integer_root(value: int, index: int) -> int | None:
    if value < 2:
        return value
    if index == 2:
        root = math.isqrt(value)
        return root if root * root == value else None
    low, high = 1, 1 << (value.bit_length() // index + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**index < value else (low, middle)
    return low if low**index == value else None


def _exact_factorial(value: Fraction) -> Fraction | None:
    if value.denominator != 1 or value < 0:
        return None
    if value > MAX_FACTORIAL:
        raise LimitReached("factorial")
    return Fraction(math.factorial(int(value)))


def _exact_binomial(top: Fraction, bottom: Fraction) -> Fraction | None:
    if top.denominator != 1 or bottom.denominator != 1 or top < 0 or bottom < 0:
        return None
    if top > MAX_FACTORIAL and min(bottom, top - bottom) > 50:
        raise LimitReached("binomial")
    return Fraction(math.comb(int(top), int(bottom)))


def _whole(function: Callable[..., int]) -> Callable[..., Fraction | None]:
    def apply(*values: Fraction) -> Fraction | None:
        if any(value.denominator != 1 for value in values):
            return None
        return Fraction(function(*(int(value) for value in values)))

    return apply


def _modulo(left: Fraction, right: Fraction) -> Fraction:
    return left - right * math.floor(left / right)


_EXACT: dict[str, Callable[..., Fraction | None]] = {
    "add": lambda *values: sum(values, Fraction(0)),
    "negate": lambda value: -value,
    "multiply": lambda left, right: left * right,
    "divide": lambda left, right: left / right,
    "ratio": lambda left, *right: left / right[0] if len(right) == 1 else None,
    "power": _exact_power,
    "root": _exact_root,
    "factorial": _exact_factorial,
    "binomial": _exact_binomial,
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "gcd": _whole(math.gcd),
    "lcm": _whole(math.lcm),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "modulo": _modulo,
}


class Point:
    """One assignment of numbers to variables, the same for equal names in any answer.

    Args:
        index: Number of the point; each gives other numbers.
        kind: positive, signed, whole, or counted: every variable is the index.
        rename: Names to read as others.
    """

    def __init__(self, index: int, kind: str, rename: Mapping[str, str] | None = None) -> None:
        self.index, self.kind, self.rename = index, kind, rename or {}
        self.fixed: dict[str, Value] = {}

    def __call__(self, name: str) -> Value:
        name = self.rename.get(name, name)
        if name in self.fixed:
            return self.fixed[name]
        if self.kind == "counted":
            return CONTEXT.mpf(self.index)
        draw = random.Random(zlib.crc32(f"{self.index} {name}".encode()))
        if self.kind == "whole":
            return CONTEXT.mpf(draw.randint(1, 12) + 3 * self.index)
        size = CONTEXT.mpf(draw.getrandbits(200)) / 2**199 + CONTEXT.mpf(1) / 7
        return -size if self.kind == "signed" and draw.random() < 0.6 else size


def numeric(
    node: Node, point: Point, *, degree: bool = True, percent: int = 100, inside: bool = False
) -> Value:
    """The value at a point, to BITS bits.

    Args:
        node: The tree.
        point: The numbers for the variables.
        degree: Whether one degree is pi / 180; else 1. Inside sin, cos, ... it is always pi / 180.
        percent: What a percentage is divided by.
        inside: Whether the tree is the argument of a trigonometric function.

    Raises:
        LimitReached: a number grows too large.
        ZeroDivisionError: the tree has no value at this point.
        Unreadable: the tree is no number: a set, a relation, words.
    """

    def value(child: Node, trigonometric: bool = inside) -> Value:
        return numeric(child, point, degree=degree, percent=percent, inside=trigonometric)

    if isinstance(node, Number):
        return CONTEXT.mpf(node.value.numerator) / node.value.denominator
    if isinstance(node, Symbol):
        return point(node.name)
    if not isinstance(node, Apply):
        raise Unreadable(f"{type(node).__name__} is no number")
    if node.head == "degrees":
        return value(node.args[0]) * (CONTEXT.pi / 180 if degree or inside else 1)
    if node.head == "percent":
        return value(node.args[0]) / percent
    if node.head in _TRIGONOMETRIC:
        return _computed(_TRIGONOMETRIC[node.head], _small(value(node.args[0], True)))
    if node.head == "call":
        return _unknown(node, value)
    operation = _NUMERIC.get(node.head)
    if operation is None:
        raise Unreadable(f"{node.head} is no number")
    return _computed(operation, *(value(child) for child in node.args))


def _computed(operation: Callable[..., Value], *arguments: Value) -> Value:
    """An operation's value; a pole is a division by zero."""
    try:
        return _sized(operation(*arguments))
    except (ValueError, OverflowError) as error:
        raise ZeroDivisionError(str(error)) from error


def _sized(value: Value) -> Value:
    """The value, when it is a finite number of a size that can be computed with."""
    if not CONTEXT.isfinite(value):
        raise ZeroDivisionError("not finite")
    if value != 0 and CONTEXT.mag(value) > MAX_MAGNITUDE:
        raise LimitReached("magnitude")
    return value


def _small(value: Value) -> Value:
    """An argument of a periodic function or exponential: larger ones would cost precision."""
    if value != 0 and CONTEXT.mag(value) > 64:
        raise LimitReached("argument")
    return value


def _unknown(node: Apply, value: Callable[[Node], Value]) -> Value:
    """A function that nothing is known of: a fixed smooth function, another for each name."""
    name = node.args[0].name if isinstance(node.args[0], Symbol) else "?"
    seed = zlib.crc32(name.encode())
    total = CONTEXT.mpf(seed % 9973) / 9973
    for position, argument in enumerate(node.args[1:], start=2):
        total += CONTEXT.sin(_small(value(argument)) * (seed % 89 + position) / 61 + position)
    return total + 2


def _power(base: Value, exponent: Value) -> Value:
    if base == 0:
        if CONTEXT.re(exponent) <= 0:
            raise ZeroDivisionError("0 to a power that is not positive")
        return base
    size = abs(CONTEXT.mag(base)) + 4
    if exponent != 0 and CONTEXT.mag(exponent) + size.bit_length() > MAX_MAGNITUDE.bit_length():
        raise LimitReached("power")
    return CONTEXT.power(base, exponent)


def _root(value: Value, index: Value) -> Value:
    if index == 0:
        raise ZeroDivisionError("root with index 0")
    if CONTEXT.im(value) == 0 and CONTEXT.re(value) < 0 and index % 2 == 1:
        return -_power(-value, 1 / index)
    return _power(value, 1 / index)


def _exponential(value: Value) -> Value:
    if value != 0 and CONTEXT.mag(value) > MAX_MAGNITUDE.bit_length():
        raise LimitReached("exponential")
    return CONTEXT.exp(value)


def _hyperbolic(name: str) -> Callable[[Value], Value]:
    function = getattr(CONTEXT, name)

    def apply(value: Value) -> Value:
        if value != 0 and CONTEXT.mag(value) > MAX_MAGNITUDE.bit_length():
            raise LimitReached("exponential")
        return function(value)

    return apply


def _factorial(value: Value) -> Value:
    if abs(value) > MAX_FACTORIAL:
        raise LimitReached("factorial")
    return CONTEXT.gamma(value + 1)


def _binomial(top: Value, bottom: Value) -> Value:
    if max(abs(top), abs(bottom)) > MAX_FACTORIAL:
        raise LimitReached("binomial")
    return CONTEXT.binomial(top, bottom)


def _logarithm(value: Value, base: Value) -> Value:
    if value == 0 or base in (0, 1):
        raise ZeroDivisionError("logarithm")
    return CONTEXT.log(value) / CONTEXT.log(base)


def _ln(value: Value) -> Value:
    if value == 0:
        raise ZeroDivisionError("logarithm of 0")
    return CONTEXT.log(value)


def _rounded(function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """floor and ceil that take a value within the rounding error of an integer as that integer."""

    def apply(value: Value) -> Value:
        if CONTEXT.im(value) != 0:
            raise Unreadable("rounding a complex number")
        near = CONTEXT.nint(value)
        return near if abs(value - near) < CONTEXT.mpf(2) ** (20 - BITS) else function(value)

    return apply


def _real(function: Callable[..., Value]) -> Callable[..., Value]:
    def apply(*values: Value) -> Value:
        if any(CONTEXT.im(value) != 0 for value in values):
            raise Unreadable("order of complex numbers")
        return function(*values)

    return apply


def _divide(left: Value, *right: Value) -> Value:
    if len(right) != 1:
        raise Unreadable("ratio of three")
    return left / right[0]


_TRIGONOMETRIC: dict[str, Callable[[Value], Value]] = {
    name: getattr(CONTEXT, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc")
}
_NUMERIC: dict[str, Callable[..., Value]] = {
    "add": lambda *values: sum(values[1:], values[0]),
    "negate": lambda value: -value,
    "multiply": lambda left, right: left * right,
    "divide": _divide,
    "ratio": _divide,
    "power": _power,
    "root": _root,
    "exp": _exponential,
    "ln": _ln,
    "log": _logarithm,
    "factorial": _factorial,
    "binomial": _binomial,
    "abs": abs,
    "floor": _rounded(CONTEXT.floor),
    "ceil": _rounded(CONTEXT.ceil),
    "max": _real(lambda *values: max(values)),
    "min": _real(lambda *values: min(values)),
    "modulo": _real(lambda left, right: left - right * CONTEXT.floor(left / right)),
    "pi": lambda: +CONTEXT.pi,
    "e": lambda: +CONTEXT.e,
    "imaginary": lambda: CONTEXT.mpc(0, 1),
    **{
        head: getattr(CONTEXT, name)
        for head, name in {
            "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot",
            "arcsec": "asec", "arccsc": "acsc", "arcsinh": "asinh", "arccosh": "acosh",
            "arctanh": "atanh",
        }.items()
    },
    **{name: _hyperbolic(name) for name in ("sinh", "cosh", "tanh", "coth")},
}  # fmt: skip


def close(left: Value, right: Value) -> bool:
    """Whether two values computed to BITS bits are the same number."""
    if left == right:
        return True
    size = max(abs(left), abs(right))
    return bool(abs(left - right) <= max(size, CONTEXT.mpf(2) ** -100) * CONTEXT.mpf(2) ** -140)
