"""Plain calculations with two whole numbers, for mathematical rewards at laptop size."""

import random
from collections.abc import Iterator, Sequence

from harness.data.generators.draws import Draw, Row, different_rows, stable_hash
from harness.errors import DataError

OPERATORS = ("+", "-", "*")


def calculation_draws(
    min_value: int, max_value: int, operators: Sequence[str], seed: int
) -> Iterator[Draw]:
    """Calculations and what makes them: the operation and its numbers, in any order for + and *."""
    rng = random.Random(stable_hash(("arithmetic", seed)))
    while True:
        sign = rng.choice(operators)
        first, second = (rng.randint(min_value, max_value) for _ in range(2))
        if sign == "-":
            first, second = max(first, second), min(first, second)
        value = {"+": first + second, "-": first - second, "*": first * second}[sign]
        problem = (sign, min(first, second), max(first, second))
        yield problem, {"problem": f"What is {first} {sign} {second}?", "answer": str(value)}


def arithmetic(
    rows: int,
    *,
    seed: int,
    split: str,
    min_value: int = 0,
    max_value: int = 99,
    operators: Sequence[str] = ("+", "-"),
) -> list[Row]:
    """Calculations {problem, answer}; the answer is a whole number from 0 up, as text.

    Args:
        min_value: Smallest number in a problem, at least 0.
        max_value: Greatest number in a problem.
        operators: Some of + - *.

    Raises:
        DataError: the ranges are empty, or there are too few different test problems.
    """
    unknown = [sign for sign in operators if sign not in OPERATORS]
    if unknown or not operators or not 0 <= min_value <= max_value:
        raise DataError(
            f"arithmetic: min_value={min_value}, max_value={max_value}, operators="
            f"{list(operators)}; give 0 <= min_value <= max_value and some of {' '.join(OPERATORS)}"
        )
    draws = calculation_draws(min_value, max_value, operators, seed)
    return different_rows("arithmetic", draws, rows, split=split, seed=seed)
