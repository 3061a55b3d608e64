"""Dr. GRPO (Understand R1-Zero): PRM800K's rules, then, unless fast, math-verify; of the last box
or of answer tags; grades what its training rewards.

Its fast grader of boxes is the claimant `mathd_sympy`.
Source: sail-sg/understand-r1-zero@dfca49d:understand_r1_zero/math_grader.py.
"""

from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged, mathd_sympy
from evals.grading.claimants.boxes import last_box
from evals.grading.claimants.math_verify import expressions_equal
from evals.grading.claimants.repetition import is_repetitive

THOUGHT_THEN_ANSWER = "</think> <answer>"
OPEN, CLOSE = "<answer>", "</answer>"
HOW = "text, sympy or math-verify"


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the last box equals the gold."""
    return judged(truth, last_box(response), equal, HOW)


def grade_tags(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the answer in tags equals the gold."""
    return judged(truth, tagged(response), equal, HOW)


def grade_tags_fast(truth: Mapping[str, Any], response: str) -> Verdict:
    """As grade_tags, without math-verify."""
    return judged(truth, tagged(response), mathd_sympy.equal, "text or sympy")


def tagged(response: str) -> str | None:
    """What follows the last opening tag, out of its box if it has one.

    None unless a thought ends and an answer begins exactly one space apart, and a tag closes.
    """
    if THOUGHT_THEN_ANSWER not in response or CLOSE not in response:
        return None
    answer = response.rpartition(OPEN)[2].replace(CLOSE, "")
    return last_box(answer) if "\\boxed" in answer else answer


def equal(given: str, gold: str) -> bool:
    """Equal for PRM800K's rules, or for math-verify unless one of the two repeats itself."""
    unboxed = last_box(gold) if "\\boxed" in gold else gold
    if unboxed is None:
        return False
    if mathd_sympy.equal(given, unboxed):
        return True
    if is_repetitive(given) or is_repetitive(unboxed):
        return False
    return expressions_equal(given, unboxed)
