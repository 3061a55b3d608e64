"""Answers wherever a response states them, and groups that vote."""

import pytest

from harness.rewards import Sample, Scored
from harness.rewards.stated import majority, stated


def sample(response: str) -> Sample:
    return Sample(prompt="", response=response, ground_truth={"answer": "12"})


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("\\boxed{12}", True),
        ("the answer is 12.", True),
        ("3 * 4 = 12", True),
        ("\\boxed{12} or rather \\boxed{13}", False),
        ("", False),
    ],
)
def test_the_answer_may_stand_anywhere(response: str, right: bool) -> None:
    assert stated(sample(response)).correct is right


@pytest.mark.parametrize(
    ("responses", "rewards"),
    [
        (["\\boxed{3}", "so 3", "\\boxed{12}"], [1.0, 1.0, 0.0]),
        (["\\boxed{12}", "\\boxed{3}"], [1.0, 0.0]),
        (["", "none", "\\boxed{12}"], [1.0, 1.0, 0.0]),
    ],
)
def test_the_first_of_the_most_frequent_answers_is_the_label(
    responses: list[str], rewards: list[float]
) -> None:
    group = [Scored(sample=sample(text), score=stated(sample(text))) for text in responses]
    assert majority(group) == rewards
