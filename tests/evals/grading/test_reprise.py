"""The project's grader: notations that mean the same, that do not, and where the answer stands."""

import pytest

from evals.grading.reprise import grade
from tests.evals.grading.cases import EQUAL, UNEQUAL


def _pairs(cases: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str]]:
    return [pair for pairs in cases.values() for pair in pairs]


@pytest.mark.parametrize(("gold", "answer"), _pairs(EQUAL))
def test_notations_that_mean_the_same(gold: str, answer: str) -> None:
    verdict = grade({"answer": gold}, rf"So it is \boxed{{{answer}}}.")
    assert verdict.correct, verdict


@pytest.mark.parametrize(("gold", "answer"), _pairs(UNEQUAL))
def test_answers_that_differ(gold: str, answer: str) -> None:
    verdict = grade({"answer": gold}, rf"So it is \boxed{{{answer}}}.")
    assert not verdict.correct, verdict
