"""Functions, methods and operators that a program may use, each bounded; the interpreter calls them.

A bound holds for operands that are themselves within the limits of `budget`.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from harness.rewards.arithmetic import apply, bits_needed
from harness.rewards.program.budget import MAX_BITS, Budget, ProgramRefused, limited

MAX_DIGITS = 300
"""Decimal places of round(): for an integer, Python computes the power of ten first."""


@dataclass(frozen=True, slots=True, eq=False)
class Builtin:
    """A function of Python's that a program may call."""

    call: Callable[..., Any]
    """(budget, *arguments) -> value."""
    consumes: bool = False
    """It reads its argument to the end before it returns, so that a generator may be a list."""


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """The module math."""


def plain(function: Callable[..., Any]) -> Builtin:
    """A function whose work its operands bound."""
    return Builtin(lambda _, *values: function(*values))


def elements(budget: Budget, values: Iterable[Any]) -> list[Any]:
    """All elements, each paid for."""
    found = []
    for value in values:
        budget.spend()
        found.append(value)
    return found


def binary(budget: Budget, node: ast.operator, left: Any, right: Any) -> Any:
    """left (operator) right: for numbers, and + and * for sequences."""
    numbers = isinstance(left, int | float | complex), isinstance(right, int | float | complex)
    if all(numbers):
        if isinstance(node, ast.Mod):
            return operator.mod(left, right)
        if bits_needed(node, left, right) > MAX_BITS:
            raise ProgramRefused(f"an integer of more than {MAX_BITS} bits")
        return limited(apply(node, left, right))
    if isinstance(node, ast.Mult) and any(numbers):
        sequence, times = (right, left) if numbers[0] else (left, right)
        if isinstance(sequence, str | list | tuple) and isinstance(times, int):
            budget.spend(len(sequence) * max(times, 0))
            return sequence * times
    if isinstance(node, ast.Add) and isinstance(left, str | list | tuple):
        budget.spend(len(left) + len(right))
        return left + right
    raise ProgramRefused(f"{type(node).__name__} of other than numbers is not in the subset")


def text(budget: Budget, value: Any = "", layout: str = "") -> str:
    """str() of a number, text, True, False or None; other values may hold themselves."""
    if value is not None and not isinstance(value, str | int | float | complex):
        raise ProgramRefused(f"the text of a {type(value).__name__} is not in the subset")
    written = format(value, layout)
    budget.spend(len(written))
    return written


def rounded(value: Any, digits: Any = None) -> Any:
    """round()."""
    if isinstance(digits, int) and abs(digits) > MAX_DIGITS:
        raise ProgramRefused(f"round() to {digits} places")
    return limited(round(value, digits))


def total(budget: Budget, values: Iterable[Any], start: Any = 0) -> Any:
    """sum() of numbers."""
    addends = elements(budget, values)
    if not all(isinstance(addend, int | float | complex) for addend in [start, *addends]):
        raise ProgramRefused("sum() of other than numbers is not in the subset")
    return limited(sum(addends, start))


def product(budget: Budget, values: Iterable[Any]) -> Any:
    """math.prod()."""
    result: Any = 1
    for factor in elements(budget, values):
        result = binary(budget, ast.Mult(), result, factor)
    return result


def compared(function: Callable[[list[Any]], Any]) -> Builtin:
    """A function that compares the elements of its argument, or its arguments."""

    def call(budget: Budget, *values: Any) -> Any:
        found = elements(budget, values[0] if len(values) == 1 else values)
        budget.weigh(found)
        return function(found)

    return Builtin(call, consumes=True)


def gathered(function: Callable[[list[Any]], Any]) -> Builtin:
    """A function of all elements of its argument."""

    def call(budget: Budget, values: Iterable[Any] = ()) -> Any:
        return function(elements(budget, values))

    return Builtin(call, consumes=True)


def paired(function: Callable[..., Any]) -> Builtin:
    """zip() or enumerate(): a view, so its argument must be a value and no view itself."""

    def call(_: Budget, *values: Any) -> Any:
        if any(isinstance(value, zip | enumerate) for value in values):
            raise ProgramRefused("a view of a view is not in the subset")
        return function(*values)

    return Builtin(call)


def counted(function: Callable[..., int]) -> Builtin:
    """A product of at most as many factors as the smaller count, none above the first number."""

    def call(_: Budget, n: int, *k: int) -> int:
        factors = min(k[0], n - k[0]) if k and function is math.comb else [*k, n][0]
        if factors * n.bit_length() > MAX_BITS:
            raise ProgramRefused(f"an integer of more than {MAX_BITS} bits")
        return function(n, *k)

    return Builtin(call)


FUNCTIONS: dict[str, Builtin] = {
    **{f.__name__: plain(f) for f in (abs, bool, divmod, float, len, range)},
    "int": plain(lambda *values: limited(int(*values))),
    "round": plain(rounded),
    "str": Builtin(text),
    "pow": Builtin(lambda budget, base, power: binary(budget, ast.Pow(), base, power)),
    "sum": Builtin(total, consumes=True),
    **{f.__name__: compared(f) for f in (min, max)},
    **{f.__name__: gathered(f) for f in (all, any, list, tuple)},
    "sorted": Builtin(lambda budget, values: compared(sorted).call(budget, values), consumes=True),
    **{f.__name__: paired(f) for f in (enumerate, zip)},
}

MATH: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")},
    **{
        name: plain(getattr(math, name))
        for name in (
            "acos asin atan atan2 ceil copysign cos degrees exp fabs floor fmod gcd hypot isclose "
            "isfinite isinf isnan isqrt log log10 log2 pow radians sin sqrt tan trunc"
        ).split()
    },
    "lcm": plain(lambda left, right: limited(math.lcm(left, right))),
    "fsum": gathered(math.fsum),
    "prod": Builtin(product, consumes=True),
    **{f.__name__: counted(f) for f in (math.factorial, math.comb, math.perm)},
}

METHODS: dict[tuple[type, str], Callable[..., Any]] = {
    (list, "append"): list.append,
    (dict, "get"): dict.get,
    (dict, "items"): dict.items,
    (dict, "keys"): dict.keys,
    (dict, "values"): dict.values,
}


def member(value: Any, name: str) -> Any:
    """What stands behind `value.name`."""
    if isinstance(value, Module) and name in MATH:
        return MATH[name]
    method = METHODS.get((type(value), name))
    if method is None:
        raise ProgramRefused(f"the attribute {name!r} is not in the subset")
    return plain(lambda *values: method(value, *map(keyed, values)) if method is dict.get else method(value, *values))


def keyed(value: Any) -> Any:
    """A key of a dict: Python walks it for its hash."""
    return value
