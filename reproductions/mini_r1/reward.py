"""Mini-R1's two rules, format and equation, each 0 or 1; read by the recipe and by conformance.

Both read the response with the opening think tag that the prompt already wrote put before it.
Source: philschmid/deep-learning-pytorch-huggingface@59b3797:training/scripts/run_r1_grpo.py
"""

import re
from collections.abc import Mapping
from typing import Any

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.arithmetic import ArithmeticRefused, evaluate
from harness.rewards.tags import first_on_a_line, thought_then_answer

OPENING = "<think>"
TOLERANCE = 1e-5
ALLOWED_CHARACTERS = re.compile(r"[\d+\-*/().\s]+")


def format(sample: Sample) -> Score:
    """Is the whole response a thought, a line feed and an answer in tags?"""
    fits = thought_then_answer(OPENING + sample.response)
    return Score(value=float(fits), correct=fits)


def equation(sample: Sample) -> Score:
    """Reach the target with every given number exactly once, in the first answer on one line.

    An expression whose value cannot be computed earns nothing; that includes power towers such as
    9**9**9, on which the upstream rule does not return.
    """
    truth = sample.ground_truth
    if not isinstance(truth, Mapping) or not {"target", "numbers"} <= truth.keys():
        raise DataError(
            f"equation: the ground truth is {truth!r}; give a mapping with the fields 'target' "
            "and 'numbers' (data.ground_truth=[target,numbers])"
        )
    answer = first_on_a_line(OPENING + sample.response, "answer")
    right = answer is not None and reaches(answer, truth["target"], truth["numbers"])
    return Score(value=float(right), correct=right, extracted=answer)


def reaches(expression: str, target: Any, numbers: Any) -> bool:
    """Does the expression use exactly the numbers and come within the tolerance of the target?"""
    try:
        used = sorted(map(int, re.findall(r"\d+", expression)))
        if used != sorted(numbers) or not ALLOWED_CHARACTERS.fullmatch(expression):
            return False
        value = evaluate(expression)
        return not isinstance(value, complex) and abs(float(value) - float(target)) < TOLERANCE
    except (ArithmeticRefused, ArithmeticError, TypeError, ValueError):
        return False
