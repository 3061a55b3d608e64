"""Open-Reasoner-Zero: the box within answer tags; equal in MATH's normal form, as numbers, or for
sympy's LaTeX reader, before or after Minerva's normal form; grades claims made in its training.

Source: Open-Reasoner-Zero/Open-Reasoner-Zero@3fdd9a0:orz/ppo/tools/math_utils.py (legacy mode) and
playground/orz_7b_ppo.py (extract_final_answers_batch).
"""

from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged, strict_box
from evals.grading.claimants.boxes import last_box
from evals.grading.claimants.latex_math import read
from evals.grading.claimants.minerva_text import (
    MARKS,
    SHORT_FRACTION,
    SHORT_ROOT,
    UNITS,
    substituted,
    unwrapped,
)
from evals.grading.claimants.python_math import Unreadable
from evals.grading.claimants.repetition import is_repetitive

OPEN, BOX, CLOSE = "<answer>", "\\boxed{", "</answer>"


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the extracted box equals the gold; a boxed gold is taken out of its box."""
    return judged(truth, extracted(response), _equal_to_gold, "text or sympy")


def _equal_to_gold(given: str, gold: str) -> bool:
    return equal(unboxed(given), unboxed(gold))


def extracted(response: str) -> str | None:
    r"""From the first \boxed{ within answer tags to the last brace before the last closing tag.

    This is the last match of upstream's pattern, lazy, greedy and lazy in turn, which can match
    only once; found here in linear time.
    """
    opened = response.find(OPEN)
    box = -1 if opened < 0 else response.find(BOX, opened + len(OPEN))
    if box < 0:
        return None
    end = response.rfind("}", box + len(BOX), max(response.rfind(CLOSE), 0))
    return None if end < 0 else response[box : end + 1]


def unboxed(text: str) -> str:
    """The content of the last box; the text itself when there is none that closes."""
    box = last_box(text)
    return text if box is None else box


def equal(given: str, gold: str) -> bool:
    """Equal as text or numbers, or, unless one of them repeats itself, for sympy."""
    if equal_as_text(given, gold):
        return True
    return not is_repetitive(given) and not is_repetitive(gold) and equal_for_sympy(given, gold)


def equal_as_text(given: str, gold: str) -> bool:
    """Same normal form or same number; answers without a normal form as they stand."""
    try:
        forms = [normal_form(given), normal_form(gold)]
    except ValueError:
        return given == gold
    try:
        return float(forms[0]) == float(forms[1])
    except ValueError:
        return forms[0] == forms[1]


def normal_form(text: str) -> str:
    """The form of the MATH evaluation, dollars and commas aside.

    Raises:
        ValueError: as there.
    """
    marked = strict_box.without_marks(strict_box.without_spacing(text))
    return strict_box.value_form(marked.replace("$", "").replace(",", ""))


def equal_for_sympy(given: str, gold: str) -> bool:
    """Same expression or value, as written or in Minerva's normal form; else the same form."""
    if _same_reading(given, gold):
        return True
    given, gold = minerva_form(given), minerva_form(gold)
    same = _same_reading(given, gold)
    return given == gold if same is None else same


def _same_reading(given: str, gold: str) -> bool | None:
    """Whether both read as the same expression or value; None when one cannot be read."""
    try:
        left, right = read(given), read(gold)
        values = left.evalf(), right.evalf()
    except Unreadable:
        return None
    except Exception:  # sympy raises what it likes on an expression without a value
        return None
    return bool(left == right) or bool(values[0] == values[1])


def minerva_form(answer: str) -> str:
    """Minerva's normal form without its cut at an equals sign; words go wherever they stand."""
    answer = substituted(answer)
    for removed in (*UNITS, *MARKS):
        answer = answer.replace(removed, "")
    answer = SHORT_FRACTION.sub(r"frac{\2}{\3}", unwrapped(answer))
    answer = SHORT_ROOT.sub(r"sqrt{\2}", answer).replace("$", "")
    return answer.replace(",", "") if answer.replace(",", "").isdigit() else answer
