r"""Boxed mathematics with a grader of one's choice."""

from typing import Any

import pytest

from harness.errors import ConfigError, DataError
from harness.rewards import Sample
from harness.rewards.boxed import boxed, gold_answers, graded, unboxed_golds


def sample(response: str, ground_truth: Any = "1/2") -> Sample:
    return Sample(prompt="", response=response, ground_truth=ground_truth)


@pytest.mark.parametrize(
    ("response", "value", "extracted"),
    [
        (r"so \boxed{\frac{1}{2}}", 1.0, r"\frac{1}{2}"),
        (r"\boxed{1/3}, no: \boxed{1/2}", 1.0, "1/2"),
        (r"so \boxed{1/3}", 0.0, "1/3"),
        ("the answer is 1/2", 0.0, None),
        (r"so \boxed{1/2", 0.0, None),
    ],
)
def test_the_last_closed_box_counts(response: str, value: float, extracted: str | None) -> None:
    score = boxed(sample(response))
    assert (score.value, score.correct, score.extracted) == (value, value == 1.0, extracted)
    assert score.components == {"box": float(extracted is not None), "answer": value}


def test_the_grader_decides() -> None:
    response = sample(r"\boxed{\frac{2}{4}}")
    assert boxed(response, grader="reprise").correct
    assert not boxed(response, grader="mathd_sympy").correct


def test_an_unknown_grader_is_named() -> None:
    with pytest.raises(ConfigError, match="mathd_sympy"):
        boxed(sample(r"\boxed{1}"), grader="mathd_sympi")


def test_rewards_can_be_signed() -> None:
    assert boxed(sample(r"\boxed{1/2}"), right=2.0, wrong=-1.0).value == 2.0
    assert boxed(sample("none"), right=2.0, wrong=-1.0).value == -1.0


def test_any_accepted_answer_is_right() -> None:
    assert boxed(sample(r"\boxed{7}", {"answer": ["6", "7"]})).correct
    assert not boxed(sample(r"\boxed{8}", {"answer": ["6", "7"]})).correct
    assert not boxed(sample(r"\boxed{8}", [])).correct


def test_a_missing_part_has_no_box() -> None:
    score = graded(None, "1", grader="reprise")
    assert score.extracted is None and not score.correct and score.components["box"] == 0.0


def test_gold_answers_are_text() -> None:
    assert gold_answers(7) == ["7"]
    assert gold_answers({"answer": 0.5}) == ["0.5"]
    assert gold_answers(None) == []
    with pytest.raises(DataError, match=r"has target and no 'answer'"):
        gold_answers({"target": 3})


def test_golds_are_taken_out_of_their_boxes() -> None:
    golds = ["7", r"so $\boxed{\frac{1}{2}}$", r"\boxed8", 9]
    assert unboxed_golds({"answer": golds}) == ["7", r"\frac{1}{2}", "9"]
    assert unboxed_golds(r"\boxed8") == []
