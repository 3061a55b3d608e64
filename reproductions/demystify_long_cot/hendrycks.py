r"""The verifier: is the gold among the answers that a text may have meant? reward.py reads it.

The text is searched in five ways and one hit is enough. Equality is that of the MATH evaluation,
and thousands separators and outer parentheses do not count.

Source: eddycmu/demystify-long-cot@e90cf9b:openrlhf/openrlhf/reward/common.py (score_hendrycks). Its
sixth candidate, a box in the text's normal form, never has a box left and is not looked for.
"""

import re
from collections.abc import Iterator

from evals.grading.claimants.strict_box import (
    braced_fractions,
    braced_roots,
    slash_of_integers,
    without_marks,
    without_name,
    without_spacing,
    without_unit,
)

MATHEMATICS = re.compile(r"(?<!\\)\$|\\(?=\])")
r"""What opens or closes mathematics: a dollar sign, or the end of \[...\], never its start."""
BOX_ON_A_LINE = re.compile(r"\\boxed\{(.+)\}")
PHRASE = "the answer is:"
OPEN_BOX = "\\boxed{"


def matches(text: str, gold: str) -> bool:
    """Does any answer of the text equal the gold, of which only a box counts if it has one?"""
    box = last_box(gold)
    gold = gold if box is None else unboxed(box)
    return any(equal(answer, gold) for answer in candidates(text))


def candidates(text: str) -> Iterator[str]:
    """The last formula, the last box in it, the widest box on a line, and what a phrase names.

    A formula stands between the last two signs of mathematics, or is the whole text where there
    are fewer; of an equation only the right side counts.
    """
    signs = [found.start() for found in MATHEMATICS.finditer(text)]
    formula = text[signs[-2] + 1 : signs[-1]] if len(signs) > 1 else text
    formula = formula.rpartition("=")[2]
    yield formula
    if (box := last_box(formula)) is not None:
        yield unboxed(box)
    found = BOX_ON_A_LINE.search(text)
    # Without a box the empty answer, to which a gold that is nothing but a unit is equal.
    yield found[1] if found else ""
    if (named := after_phrase(text)) is not None:
        yield named


def last_box(text: str) -> str | None:
    r"""The last \boxed, or else \fbox, with its arguments up to the brace that closes the first."""
    start = text.rfind("\\boxed")
    start = text.rfind("\\fbox") if start < 0 else start
    if start < 0:
        return None
    depth = 0
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if text[end] == "}" and depth == 0:
            return text[start : end + 1]
    return None


def unboxed(box: str) -> str:
    r"""The content of \boxed{...}; anything else as it stands."""
    return box[len(OPEN_BOX) : -1] if box.startswith(OPEN_BOX) else box


def after_phrase(text: str) -> str | None:
    """What follows the first 'the answer is:', without a full stop and signs of mathematics."""
    start = text.lower().find(PHRASE)
    answer = "" if start < 0 else text[start + len(PHRASE) :].strip().removesuffix(".")
    for opening, closing in (("\\(", "\\)"), ("$$", "$$")):
        if answer.startswith(opening) and answer.endswith(closing):
            answer = answer[2:-2]
    answer = answer.removeprefix("$")
    # Where nothing is left, upstream's search fails and the phrase does not count.
    return answer.removesuffix("$").strip() if answer else None


def equal(given: str, gold: str) -> bool:
    """Same normal form; where one has none, the same text."""
    try:
        return normal_form(given) == normal_form(gold)
    except ValueError:
        return given == gold


def normal_form(text: str) -> str:
    r"""An answer without units, names, spaces and outer parentheses, its fractions \frac{}{}.

    Raises:
        ValueError: the answer ends in \frac or \sqrt, names two units, or divides what are no
            integers by a slash.
    """
    text = without_unit(without_marks(without_spacing(text))).replace("\\%", "")
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    digits = text.replace(",", "")
    text = digits if digits.isdigit() else text
    if len(text) > 1 and text[0] == "(" and text[-1] == ")":
        text = text[1:-1]
    if text.startswith("."):
        text = "0" + text
    text = braced_fractions(braced_roots(without_name(text)).replace(" ", ""))
    return slash_of_integers("\\frac{1}{2}" if text == "0.5" else text)
