"""lm-eval's minerva_math: the sentence 'Final Answer: The final answer is ...', normalised, equal
as text or for sympy; grades claims made with lm-eval's exact_match.

A response without that sentence is wrong, boxed or not, as it is there.
Source: lm_eval/tasks/minerva_math/utils.py (0.4.13).
"""

import re
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged
from evals.grading.claimants.latex_math import read
from evals.grading.claimants.minerva_text import normal_form_of_lm_eval

END = "I hope it is correct."
SENTENCE = re.compile(rf"Final Answer: The final answer is(.*?). {END[:-1]}.")


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the stated final answer equals the gold."""
    return judged(truth, stated_answer(response), equal, "text or sympy")


def stated_answer(response: str) -> str | None:
    """What the first final-answer sentence states; its end may be missing."""
    found = SENTENCE.search(response + END)
    return found.group(1).strip() if found else None


def equal(given: str, gold: str) -> bool:
    """Same normal form, or a difference that sympy simplifies to zero."""
    given, gold = normal_form_of_lm_eval(given), normal_form_of_lm_eval(gold)
    return given == gold != "" or equal_for_sympy(given, gold)


def equal_for_sympy(given: str, gold: str) -> bool:
    """Whether the difference of two LaTeX expressions simplifies to zero; False if it cannot."""
    import sympy

    try:
        return bool(sympy.simplify(read(given) - read(gold)) == 0)
    except Exception:  # unreadable, or sympy gives up: that grader counts both as unequal
        return False
