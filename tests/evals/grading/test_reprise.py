"""The project's grader on the pairs of cases.tsv: notations that mean the same, or do not."""

from pathlib import Path

import pytest

from evals.grading.reprise import grade

CASES = [
    line.split("\t")
    for line in Path(__file__).with_name("cases.tsv").read_text("utf-8").splitlines()
    if "\t" in line
]


@pytest.mark.parametrize(("expected", "gold", "answer"), CASES)
def test_notations(expected: str, gold: str, answer: str) -> None:
    verdict = grade({"answer": gold}, rf"So it is \boxed{{{answer}}}.")
    assert verdict.correct == (expected == "same"), verdict
