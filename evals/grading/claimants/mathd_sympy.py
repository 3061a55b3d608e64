"""PRM800K and DeepScaleR: equal as normalised text, or element by element for sympy; grades claims
made with their grader, and those of rllm, L1 and TRPA.

Source: agentica-project/deepscaler deepscaler/rewards/math_utils/utils.py, after openai/prm800k.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged
from evals.grading.claimants.boxes import last_box
from evals.grading.claimants.python_math import read
from evals.grading.claimants.strict_box import normal_form
from harness.rewards.extraction import last_tagged

HOW = "text or sympy"
BRACKETS = "()[]"
WHOLE_TEXT = re.compile(r"^\\text\{(?P<text>.+?)\}$")
UNIT_WORDS = (
    "degree cm centimeter meter mile second minute hour day week month year foot feet inch yard"
)
UNITS = UNIT_WORDS.split()
GROUP_COMMA = re.compile(r"(\d)(,)(\d\d\d)($|\D)")
PLAIN_FRACTION = re.compile(r"^-?[0-9]+.?/0*[1-9][0-9]*.?$")
COSTLY_POWER = re.compile(r"\^[{(]|\^[0-9]+\^|\^[0-9][0-9]+")
REPLACED = (
    ("\\%", ""),
    ("\\$", ""),
    ("$", ""),
    ("%", ""),
    (" or ", " , "),
    (" and ", " , "),
    ("million", "*10^6"),
    ("billion", "*10^9"),
    ("trillion", "*10^12"),
)
LATEX_REPLACED = (("\\tfrac", "\\frac"), ("\\dfrac", "\\frac"), ("\\frac", " \\frac"))
UNICODE_REPLACED = {
    "\N{SQUARE ROOT}": "sqrt",
    "\N{GREEK SMALL LETTER PI}": "pi",
    "\N{INFINITY}": "inf",
    "\N{UNION}": "U",
    "\N{MIDDLE DOT}": "*",
    "\N{MULTIPLICATION SIGN}": "*",
}
INTEGER_TOLERANCE = 1e-7


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the last box equals the gold; a boxed gold is taken out of its box.

    The thinking tags on which DeepScaleR's reward insists are not asked for.
    """
    return judged(truth, last_box(response), equal, HOW)


def grade_tags(truth: Mapping[str, Any], response: str) -> Verdict:
    """As `grade`, of what the last <answer>...</answer> holds as it stands, box and all."""
    return judged(truth, last_tagged(response, "answer", across_lines=True), equal, HOW)


def equal(given: str, gold: str) -> bool:
    """Equal for either rule."""
    unboxed = last_box(gold) if "\\boxed" in gold else gold
    return unboxed is not None and (
        equal_as_text(given, unboxed) or equal_for_sympy(given, unboxed)
    )


def equal_as_text(given: str, gold: str) -> bool:
    """Same normal form of the MATH evaluation."""
    return mathd_form(given) == mathd_form(gold)


def mathd_form(answer: str, form: Callable[[str], str] = normal_form) -> str:
    r"""The normal form, by default the MATH evaluation's, a \text{} around the answer aside."""
    answer = answer.strip()
    whole = WHOLE_TEXT.search(answer)
    answer = whole["text"].strip() if whole else answer
    try:
        return form(answer)
    except ValueError:
        return answer


def equal_for_sympy(given: str, gold: str) -> bool:
    """Same plain form, or the same brackets around elements that are equal one by one."""
    given, gold = plain_form(given), plain_form(gold)
    if given == gold:
        return True
    if not given:
        return False
    given_elements, gold_elements = elements(given), elements(gold)
    if len(gold_elements) > 1 and (gold[0], gold[-1]) != (given[0], given[-1]):
        return False
    return len(gold_elements) == len(given_elements) and all(
        map(elements_equal, given_elements, gold_elements)
    )


def plain_form(answer: str) -> str:
    """An answer as sympy could read it: no LaTeX, units, spaces or capitals."""
    whole = WHOLE_TEXT.search(answer)
    answer = whole["text"] if whole else answer
    for before, after in REPLACED:
        answer = answer.replace(before, after)
    for unit in UNITS:  # one after the other: 'centimeter' has lost its 'meter' by then
        if unit in answer:
            answer = re.sub(rf"{unit}(es)?(s)? *(\^[0-9]+)?", "", answer)
    answer = re.sub(r"\^ *\\circ", "", answer)
    if answer and answer[0] == "{" and answer[-1] == "}":
        answer = answer[1:-1]
    answer = rounded(re.sub(r",\\! *", "", answer))
    if "\\" in answer:
        answer = without_latex(answer)
    answer = re.sub(r"([0-9]) +([0-9])", r"\1+\2", re.sub("- *", "-", answer))
    answer = re.sub("[ {}]", "", answer).lower()
    return str(int(float(answer.replace(",", "")))) if is_integer(answer) else answer


def without_latex(answer: str) -> str:
    """LaTeX as plain text, '1/2' for a fraction."""
    from pylatexenc.latex2text import LatexNodes2Text

    spelled: str = answer
    for before, after in LATEX_REPLACED:
        spelled = spelled.replace(before, after)
    try:
        spelled = LatexNodes2Text().latex_to_text(spelled)
    except Exception:  # unbalanced LaTeX; the grader goes on with what it has
        return answer
    for before, after in UNICODE_REPLACED.items():
        spelled = spelled.replace(before, after)
    return spelled.strip()


def rounded(answer: str) -> str:
    """'5.0' as '5': a number within 1e-7 of an integer."""
    try:
        value = float(answer)
        whole = round(value)
    except (ValueError, OverflowError):
        return answer
    return str(whole) if abs(value - whole) <= INTEGER_TOLERANCE else answer


def is_integer(text: str) -> bool:
    """A number within 1e-7 of an integer, thousands commas allowed."""
    try:
        value = float(without_group_commas(text))
        return abs(value - round(value)) <= INTEGER_TOLERANCE
    except (ValueError, OverflowError):
        return False


def without_group_commas(text: str) -> str:
    """'1,234' as '1234'; the commas of pairs stay."""
    while (shorter := GROUP_COMMA.sub(r"\1\3\4", text)) != text:
        text = shorter
    return text


def elements(text: str) -> list[str]:
    """The elements of a bracketed list; anything else is its only element."""
    text = without_group_commas(text)
    if not text:
        return []
    inside = text[1:-1]
    bracketed = len(text) > 2 and text[0] in BRACKETS and text[-1] in BRACKETS
    if bracketed and not any(bracket in inside for bracket in BRACKETS):
        return [element.strip() for element in inside.split(",")]
    return [text]


def elements_equal(given: str, gold: str) -> bool:
    """Fractions must be reduced and integers written as such; the rest is for sympy."""
    if PLAIN_FRACTION.search(gold) and PLAIN_FRACTION.search(given):
        return gold == given
    return is_integer(gold) == is_integer(given) and difference_is_zero(given, gold)


def difference_is_zero(given: str, gold: str) -> bool:
    """Whether sympy simplifies the difference to zero; False for what is not given to it."""
    import sympy

    difference = f"({gold})-({given})"
    letters = {c for c in difference.replace("sqrt", "").replace("frac", "") if c.isalpha()}
    if len(letters) > 2 or COSTLY_POWER.search(difference):
        return False
    try:
        read_difference = read(difference.replace("^", "**"), implicit_products=True)
        return bool(sympy.simplify(read_difference) == 0)
    except Exception:  # unreadable, or sympy gives up: that grader counts both as unequal
        return False
