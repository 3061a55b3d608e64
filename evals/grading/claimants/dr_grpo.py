"""Dr. GRPO (Understand R1-Zero): a text form without units, PRM800K's sympy rules, then, unless
fast, math-verify; of the last box or of answer tags; grades what its training rewards.

Source: sail-sg/understand-r1-zero@dfca49d:understand_r1_zero/math_grader.py.
"""

import re
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged
from evals.grading.claimants.boxes import last_box
from evals.grading.claimants.math_verify import expressions_equal
from evals.grading.claimants.mathd_sympy import equal_for_sympy, mathd_form
from evals.grading.claimants.qwen_text import replaced, without_units
from evals.grading.claimants.repetition import is_repetitive
from evals.grading.claimants.strict_box import value_form, without_marks, without_spacing

THOUGHT_THEN_ANSWER = "</think> <answer>"
OPEN, CLOSE = "<answer>", "</answer>"
FAST, FULL = "text or sympy", "text, sympy or math-verify"
ARRAY = re.compile(r"\\begin\{array\}\{.*?\}")
SPELLED_ALIKE = (
    ("\\end{array}", "\\end{pmatrix}"),
    ("bmatrix", "pmatrix"),
    ("\\neq", "\\ne"),
    ("\\leq", "\\le"),
    ("\\geq", "\\ge"),
    ("\\left", ""),
    ("\\right", ""),
)


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the last box equals the gold."""
    return judged(truth, last_box(response), equal, FULL)


def grade_fast(truth: Mapping[str, Any], response: str) -> Verdict:
    """As grade, without math-verify."""
    return judged(truth, last_box(response), equal_fast, FAST)


def grade_tags(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the answer in tags equals the gold."""
    return judged(truth, tagged(response), equal, FULL)


def grade_tags_fast(truth: Mapping[str, Any], response: str) -> Verdict:
    """As grade_tags, without math-verify."""
    return judged(truth, tagged(response), equal_fast, FAST)


def tagged(response: str) -> str | None:
    """What follows the last opening tag, out of its box if it has one.

    None unless a thought ends and an answer begins exactly one space apart, and a tag closes.
    """
    if THOUGHT_THEN_ANSWER not in response or CLOSE not in response:
        return None
    answer = response.rpartition(OPEN)[2].replace(CLOSE, "")
    return last_box(answer) if "\\boxed" in answer else answer


def equal(given: str, gold: str) -> bool:
    """Equal for the fast rules, or for math-verify unless one of the two repeats itself."""
    if equal_fast(given, gold):
        return True
    unboxed = _unboxed(gold)
    if unboxed is None or is_repetitive(given) or is_repetitive(unboxed):
        return False
    return expressions_equal(given, unboxed)


def equal_fast(given: str, gold: str) -> bool:
    """Same text form, or equal for PRM800K's sympy rules."""
    unboxed = _unboxed(gold)
    if unboxed is None:
        return False
    same_text = mathd_form(given, normal_form) == mathd_form(unboxed, normal_form)
    return same_text or equal_for_sympy(given, unboxed)


def _unboxed(gold: str) -> str | None:
    return last_box(gold) if "\\boxed" in gold else gold


def normal_form(text: str) -> str:
    r"""The MATH evaluation's form, all matrices spelled alike, Qwen's units taken off.

    Raises:
        ValueError: as in the MATH evaluation.
    """
    text = ARRAY.sub(r"\\begin{pmatrix}", without_spacing(text))
    return value_form(without_marks(without_units(replaced(text, SPELLED_ALIKE))))
