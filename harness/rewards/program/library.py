"""Functions, methods and operators that a program may use; the interpreter calls them.

Each is bounded in time and memory, for operands that are themselves within the limits of `budget`.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
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


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


def plain(function: Callable[..., Any]) -> Builtin:
    """A function whose work its operands bound; texts among them are paid for."""

    def call(budget: Budget, *values: Any) -> Any:
        for value in values:
            if isinstance(value, str):
                budget.spend(len(value))
        return function(*values)

    return Builtin(call)


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


def text(budget: Budget, value: Any, layout: str = "") -> str:
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


def ordered(budget: Budget, values: Iterable[Any]) -> list[Any]:
    """sorted()."""
    found = elements(budget, values)
    budget.weigh(found)
    return sorted(found)


def gathered(function: Callable[[list[Any]], Any]) -> Builtin:
    """A function of all elements of its argument."""

    def call(budget: Budget, values: Iterable[Any] = ()) -> Any:
        return function(elements(budget, values))

    return Builtin(call, consumes=True)


def paired(function: Callable[..., Any]) -> Builtin:
    """zip() or enumerate(). Only enumerate(zip(...)) nests: Python reads nested ones unbounded."""
    inner = enumerate if function is enumerate else (zip, enumerate)

    def call(_: Budget, *values: Any) -> Any:
        if any(isinstance(value, inner) for value in values):
            raise ProgramRefused("these iterators inside one another are not in the subset")
        return function(*values)

    return Builtin(call)


def counted(function: Callable[..., int]) -> Builtin:
    """A product of at most as many factors as the smaller count, none above the first number."""

    def call(_: Budget, n: Any, *k: Any) -> int:
        if not all(isinstance(number, int) for number in (n, *k)):
            raise ProgramRefused(f"{function.__name__}() counts whole things")
        factors = min(k[0], n - k[0]) if k and function is math.comb else [*k, n][0]
        if factors * n.bit_length() > MAX_BITS:
            raise ProgramRefused(f"an integer of more than {MAX_BITS} bits")
        return function(n, *k)

    return Builtin(call)


FUNCTIONS: dict[str, Builtin] = {
    **{f.__name__: plain(f) for f in (abs, bool, divmod, float, len, range)},
    "int": plain(lambda *values: limited(int(*values))),
    "round": plain(rounded),
    "str": Builtin(lambda budget, value="": text(budget, value)),
    "pow": Builtin(lambda budget, base, power: binary(budget, ast.Pow(), base, power)),
    "sum": Builtin(total, consumes=True),
    **{f.__name__: compared(f) for f in (min, max)},
    **{f.__name__: gathered(f) for f in (all, any, list, tuple)},
    "sorted": Builtin(ordered, consumes=True),
    **{f.__name__: paired(f) for f in (enumerate, zip)},
}

MATH_OF_NUMBERS: tuple[Callable[..., Any], ...] = (
    math.acos,
    math.asin,
    math.atan,
    math.atan2,
    math.ceil,
    math.copysign,
    math.cos,
    math.degrees,
    math.exp,
    math.fabs,
    math.floor,
    math.fmod,
    math.gcd,
    math.hypot,
    math.isclose,
    math.isfinite,
    math.isinf,
    math.isnan,
    math.isqrt,
    math.log,
    math.log10,
    math.log2,
    math.pow,
    math.radians,
    math.sin,
    math.sqrt,
    math.tan,
    math.trunc,
)
"""Functions of the module math whose work and result their operands bound."""

MATH: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")},
    **{f.__name__: plain(f) for f in MATH_OF_NUMBERS},
    "lcm": plain(lambda left, right: limited(math.lcm(left, right))),
    "fsum": gathered(math.fsum),
    "prod": Builtin(product, consumes=True),
    **{f.__name__: counted(f) for f in (math.factorial, math.comb, math.perm)},
}

METHODS: dict[tuple[type, str], Callable[..., Any]] = {
    (list, "append"): list.append,
    (dict, "get"): lambda held, key, default=None: held.get(keyed(key), default),
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
    return plain(partial(method, value))


def keyed(value: Any) -> Any:
    """A key of a dict: a single value or a flat tuple, because a hash walks all that is nested."""
    for part in value if isinstance(value, tuple) else (value,):
        if part is not None and not isinstance(part, str | int | float | complex):
            raise ProgramRefused(f"a {type(part).__name__} in a key is not in the subset")
    return value


def compare(budget: Budget, node: ast.cmpop, left: Any, right: Any) -> Any:
    """One comparison."""
    if isinstance(node, ast.Is | ast.IsNot) and not any(
        value is None or isinstance(value, bool) for value in (left, right)
    ):
        raise ProgramRefused("the identity of a value that is no constant is not in the subset")
    if isinstance(node, ast.In | ast.NotIn):
        if isinstance(right, dict):
            right, left = right.keys(), keyed(left)
        elif isinstance(right, range) and isinstance(left, int):
            pass
        elif isinstance(right, str | list | tuple):
            budget.weigh([left, right])
        else:
            raise ProgramRefused(f"`in` a {type(right).__name__} is not in the subset")
    elif not isinstance(node, ast.Is | ast.IsNot):
        budget.weigh([left, right])
    return COMPARISONS[type(node)](left, right)
