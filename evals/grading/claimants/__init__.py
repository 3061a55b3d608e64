"""Graders that follow one published grader each, so that a claim can be graded the claimant's way.

A grader is a `grade(truth, response)`; the pieces that it is made of (extraction, normal form,
equality) are public functions of its module, so that rewards can be composed of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from evals.grading import Verdict


def golds(truth: Mapping[str, Any]) -> list[str]:
    """The accepted answers of a problem, as text: the field `answer` holds one or a list."""
    answers = truth["answer"]
    return [str(answer) for answer in (answers if isinstance(answers, list | tuple) else [answers])]


def judged(
    truth: Mapping[str, Any],
    given: str | None,
    equal: Callable[[str, str], bool],
    how: str,
) -> Verdict:
    """The verdict on an extracted answer: right when `equal(given, gold)` for any gold."""
    if given is None:
        return Verdict(correct=False, extracted=None, how=how, doubt="no answer")
    correct = any(equal(given, gold) for gold in golds(truth))
    return Verdict(correct=correct, extracted=given, how=how)
