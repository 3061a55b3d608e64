"""math-verify with its own timeouts off: whoever calls it bounds time and memory from outside.

Its timeouts are alarms, which raise in threads and do not stop big-integer arithmetic.
"""

import logging
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import golds


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when math-verify, left at its defaults, takes the response for the gold."""
    readings = parsed(response)
    if not readings:
        return Verdict(correct=False, extracted=None, how="math-verify", doubt="no answer")
    accepted = [verified(parsed(boxed(gold)), readings) for gold in golds(truth)]
    extracted = readings[-1] if isinstance(readings[-1], str) else str(readings[-1])
    return Verdict(correct=any(accepted), extracted=extracted, how="math-verify")


def equal(given: str, gold: str) -> bool:
    """Whether math-verify takes two answers, put into boxes, for equal."""
    return verified(parsed(boxed(gold)), parsed(boxed(given)))


def expressions_equal(given: str, gold: str) -> bool:
    """Whether two answers, put between dollars, are equal as expressions, never as mere text.

    Source: sail-sg/understand-r1-zero@dfca49d:understand_r1_zero/math_grader.py (is_latex_equal).
    """
    try:
        return verified(expressions(in_dollars(gold)), expressions(in_dollars(given)))
    except Exception:  # that grader counts whatever goes wrong as unequal
        return False


def in_dollars(answer: str) -> str:
    """The answer between dollars, unless it has some."""
    return answer if "$" in answer else f"${answer}$"


def expressions(text: str) -> list[Any]:
    """math-verify's readings of LaTeX or plain expressions, boxes first; none is mere text."""
    import math_verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that no timeout is set
    readings: list[Any] = math_verify.parse(
        text,
        extraction_config=(
            math_verify.LatexExtractionConfig(boxed_match_priority=0),
            math_verify.ExprExtractionConfig(),
        ),
        fallback_mode="no_fallback",
        extraction_mode="any_match",  # upstream gives a list here, which has this effect
        parsing_timeout=None,
    )
    return readings


def boxed(answer: str) -> str:
    """The answer in a box, unless it is in one."""
    return answer if "\\boxed" in answer else f"\\boxed{{{answer}}}"


def parsed(text: str) -> list[Any]:
    """math-verify's readings of a text: expressions, then the text they were read from."""
    readings: list[Any] = silenced().parse(text, parsing_timeout=None)
    return readings


def silenced() -> Any:
    """The library, without its warning that no timeout is set."""
    import math_verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return math_verify


def verified(gold: list[Any], given: list[Any]) -> bool:
    """Whether any reading of the answer equals any reading of the gold."""
    import math_verify

    return bool(math_verify.verify(gold, given, timeout_seconds=None))
