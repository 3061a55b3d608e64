"""Hendrycks MATH: the last box, normalised, compared as text; grades claims made with verl's
math_reward or with the MATH evaluation.

Source: hendrycks/math math_equivalence.py, verl/utils/reward_score/math_reward.py (0.9.1).
"""

from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged
from evals.grading.claimants.boxes import last_box_of_math

REMOVED_FIRST = ("\n", "\\!")
REMOVED_LATER = ("\\left", "\\right", "^{\\circ}", "^\\circ", "\\$")


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the last box and the gold have the same normal form."""
    return judged(truth, last_box_of_math(response), equal, "text")


def equal(given: str, gold: str) -> bool:
    """Same normal form; an answer without one is compared as it stands."""
    try:
        return normal_form(given) == normal_form(gold)
    except ValueError:
        return given == gold


def normal_form(text: str) -> str:
    r"""An answer without spacing, sizing, units and percent signs, its fractions written \frac{}{}.

    Raises:
        ValueError: the answer ends in \frac or \sqrt, or names two units.
    """
    return value_form(without_marks(without_spacing(text)))


def without_spacing(text: str) -> str:
    r"""One line, single backslashes, one size of fractions."""
    for removed in REMOVED_FIRST:
        text = text.replace(removed, "")
    return text.replace("\\\\", "\\").replace("tfrac", "frac").replace("dfrac", "frac")


def without_marks(text: str) -> str:
    r"""Neither \left and \right nor signs of degrees and dollars."""
    for removed in REMOVED_LATER:
        text = text.replace(removed, "")
    return text


def value_form(text: str) -> str:
    r"""Neither unit, percent sign, name nor space; roots and fractions in braces.

    Raises:
        ValueError: as normal_form.
    """
    return slash_as_fraction(undivided_form(text))


def undivided_form(text: str) -> str:
    r"""value_form before a slash is read as a fraction.

    Raises:
        ValueError: as normal_form.
    """
    text = without_unit(text).replace("\\\\%", "").replace("\\%", "")
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    if text.startswith("."):
        text = "0" + text
    text = braced_roots(without_name(text)).replace(" ", "")
    text = braced_fractions(text)
    return "\\frac{1}{2}" if text == "0.5" else text


def without_unit(text: str) -> str:
    r"""What precedes a '\text{ ': in MATH golds that always opens a unit."""
    value, *units = text.split("\\text{ ")
    if len(units) > 1:
        raise ValueError(f"two units in {text!r}")
    return value


def without_name(text: str) -> str:
    """The right side of 'x = ...' when the left one has at most two characters."""
    sides = text.split("=")
    return sides[1] if len(sides) == 2 and len(sides[0]) <= 2 else text


def braced_roots(text: str) -> str:
    r"""'\sqrt3' as '\sqrt{3}'."""
    head, *tails = text.split("\\sqrt")
    return "\\sqrt".join([head, *map(_braced_first, tails)])


def _braced_first(tail: str) -> str:
    if not tail:
        raise ValueError("a root of nothing")
    return tail if tail[0] == "{" else "{" + tail[0] + "}" + tail[1:]


def braced_fractions(text: str) -> str:
    r"""'\frac12' and '\frac1{2}' as '\frac{1}{2}'; left alone when one lacks a denominator."""
    head, *tails = text.split("\\frac")
    done = [head]
    for tail in tails:
        if not tail:
            raise ValueError("a fraction of nothing")
        if tail[0] != "{" and len(tail) < 2:
            return text
        done.append(_braced_fraction(tail))
    return "\\frac".join(done)


def _braced_fraction(tail: str) -> str:
    if tail[0] == "{":
        return tail
    above, below, rest = tail[0], tail[1], tail[2:]
    return "{" + above + "}" + (below if below == "{" else "{" + below + "}") + rest


def slash_as_fraction(text: str) -> str:
    r"""'3/4' as '\frac{3}{4}', for two plainly written integers only."""
    try:
        return slash_of_integers(text)
    except ValueError:
        return text


def slash_of_integers(text: str) -> str:
    r"""The same, as lm-eval's copy of the MATH evaluation and those made from it have it.

    Raises:
        ValueError: there is one slash, and beside it something else than an integer.
    """
    if text.count("/") != 1:
        return text
    above, below = map(int, text.split("/"))
    return f"\\frac{{{above}}}{{{below}}}" if text == f"{above}/{below}" else text
