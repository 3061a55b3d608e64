"""math-verify reading answers as LaTeX only, boxes first; open-r1's accuracy, graded by rewards.

The gold is the first answer that the default readers find in a text, which may be a whole worked
solution. A gold without any is told apart, because open-r1 then gives no score at all.
Source: huggingface/open-r1@1416fa0:src/open_r1/rewards.py
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import golds
from evals.grading.claimants.math_verify import silenced, verified

UNREADABLE_GOLD = "unreadable gold"
"""`how` of a verdict on a gold in which no answer is found."""


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when math-verify takes the response's LaTeX answer for the gold's first answer."""
    return _judged([first_answer(gold) for gold in golds(truth)], response)


def grade_latex_gold(truth: Mapping[str, Any], response: str) -> Verdict:
    """As `grade`, with a gold that must be LaTeX as well; open-r1's length rewards judge so.

    These hand gold and answer to math-verify in the other order, which matters for relations.
    """
    return _judged([first_latex(gold) for gold in golds(truth)], response, swapped=True)


def _judged(read_golds: list[list[Any]], response: str, *, swapped: bool = False) -> Verdict:
    wanted = [readings for readings in read_golds if readings]
    if not wanted:
        return Verdict(correct=False, extracted=None, how=UNREADABLE_GOLD, doubt="parser error")
    given = answer_readings(response)
    if not given:
        return Verdict(correct=False, extracted=None, how="math-verify", doubt="no answer")
    extracted = given[-1] if isinstance(given[-1], str) else str(given[-1])
    pairs = [(given, gold) if swapped else (gold, given) for gold in wanted]
    correct = any(verified(*pair) for pair in pairs)
    return Verdict(correct=correct, extracted=extracted, how="math-verify")


def first_answer(text: str) -> list[Any]:
    """The readings of the first answer in a gold text, in whatever notation."""
    readings: list[Any] = silenced().parse(
        text, extraction_mode="first_match", parsing_timeout=None
    )
    return readings


def first_latex(text: str) -> list[Any]:
    """The readings of the first LaTeX answer in a gold text."""
    library = silenced()
    readings: list[Any] = library.parse(
        text,
        [library.LatexExtractionConfig()],
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    return readings


def answer_readings(text: str) -> list[Any]:
    """The readings of the answer in a response: LaTeX, in a box or announced as the answer."""
    readings: list[Any] = silenced().parse(
        text, [latex()], extraction_mode="first_match", parsing_timeout=None
    )
    return readings


@cache
def latex() -> Any:
    """How an answer is read: no repair of malformed operators, units dropped, boxes first."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig

    return LatexExtractionConfig(
        normalization_config=NormalizationConfig(
            basic_latex=True, units=True, malformed_operators=False, nits=False, boxed="all"
        ),
        boxed_match_priority=0,
        try_extract_without_anchor=False,
    )
