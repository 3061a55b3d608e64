"""Does an expression solve a countdown problem? Rewards compose it."""

import re
from typing import Any

from harness.rewards.arithmetic import ArithmeticRefused, evaluate

TOLERANCE = 1e-5
ALLOWED_CHARACTERS = re.compile(r"[\d+\-*/().\s]+")


def reaches(expression: str, target: Any, numbers: Any) -> bool:
    """Does the expression use exactly the numbers and come within 1e-5 of the target?

    Digit runs are the numbers used: 1.5 uses a 1 and a 5. Powers and // are allowed. What cannot
    be computed, or only with integers of more than 300 000 digits, reaches nothing.
    """
    if not uses_exactly(expression, numbers) or not ALLOWED_CHARACTERS.fullmatch(expression):
        return False
    try:
        # abs() of the difference also covers complex values, which fractional powers produce.
        return bool(abs(evaluate(expression) - target) < TOLERANCE)
    except (ArithmeticRefused, ArithmeticError, TypeError):
        return False


def uses_exactly(expression: str, numbers: Any) -> bool:
    """Are the digit runs of the expression the given numbers, in any order?"""
    try:
        return sorted(map(int, re.findall(r"\d+", expression))) == sorted(numbers)
    except (TypeError, ValueError):  # unsortable numbers; a run beyond int()'s digit limit
        return False
