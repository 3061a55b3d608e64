"""ShorterBetter's group reward by hand, and what its two recipes share."""

import pytest

from harness.rewards import Sample, Score, Scored
from harness.spec import RLAlgorithm
from reproductions.shorterbetter.reward import around_best_length, boxed
from tests.composing import spec_of


def member(tokens: int, correct: bool) -> Scored:
    sample = Sample(prompt="", response="", ground_truth=None, response_tokens=tokens)
    return Scored(sample=sample, score=Score(value=float(correct), correct=correct))


def test_the_shortest_right_response_is_the_target() -> None:
    group = [member(900, True), member(400, True), member(100, False)]
    rewards = around_best_length(group, right=2.0, penalty_per_token=0.001)
    assert rewards == pytest.approx([1.5, 2.0, -0.3])


def test_without_a_right_response_the_mean_is() -> None:
    rewards = around_best_length([member(100, False), member(300, False)])
    assert rewards == pytest.approx([-0.1, -0.1])


def test_the_thinking_part_counts() -> None:
    sample = Sample(prompt="", response="\\boxed{4}</think>", ground_truth={"answer": "4"})
    assert boxed(sample).correct


@pytest.mark.parametrize(
    ("box", "gold", "right"),
    [
        ("\\pi/2", "\\pi/2", True),
        ("\\pi /2", "\\pi/2", False),
        ("3/4", "\\frac34", True),
        ("\\frac", "\\frac", True),
        ("", "4", False),
    ],
)
def test_what_divides_no_integers_by_a_slash_is_compared_as_it_stands(
    box: str, gold: str, right: bool
) -> None:
    sample = Sample(prompt="", response=f"\\boxed{{{box}}}", ground_truth={"answer": gold})
    assert boxed(sample).correct is right


def test_the_larger_base_gets_smaller_groups_and_limits() -> None:
    small, large = (spec_of(f"+repro={name}", "hardware=8xA100") for name in
                    ("shorterbetter", "shorterbetter_7b"))  # fmt: skip
    assert isinstance(small.algorithm, RLAlgorithm) and isinstance(large.algorithm, RLAlgorithm)
    assert (small.algorithm.group_size, large.algorithm.group_size) == (8, 4)
    assert (small.data.max_response_tokens, large.data.max_response_tokens) == (6000, 5000)
    assert small.reward == large.reward and small.schedule.epochs == 3 * large.schedule.epochs
