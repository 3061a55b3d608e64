"""Length shaping: the bonus within a group, the cosine, and lengths that are not known."""

import math

import pytest

from harness.errors import DataError
from harness.rewards import Sample, Score, Scored
from harness.rewards.lengths import (
    cosine,
    deviation,
    headroom,
    logistic,
    relative,
    with_relative_length,
)


def one(response: str, tokens: int | None, value: float, correct: bool) -> Scored:
    sample = Sample(prompt="", response=response, ground_truth=None, response_tokens=tokens)
    return Scored(sample=sample, score=Score(value=value, correct=correct))


def test_short_and_right_is_best_and_wrong_gains_nothing() -> None:
    assert relative([10, 20, 15], [True, True, True]) == [0.5, -0.5, 0.0]
    assert relative([10, 20, 15], [False, False, True]) == [0.0, -0.5, 0.0]


def test_equal_lengths_gain_nothing() -> None:
    assert relative([7, 7], [True, False]) == [0.0, 0.0]
    assert relative([7], [True]) == [0.0]


def test_rewards_of_a_group_with_the_bonus() -> None:
    group = [one("aaaa", 1, 1.0, True), one("b", 3, 0.0, False)]
    assert with_relative_length(group, weight=2.0) == [1.0 + 2 * 0.5, 0.0 + 2 * -0.5]
    assert with_relative_length(group, unit="characters") == [1.0 - 0.5, 0.0]


def test_an_unknown_number_of_tokens_is_an_error() -> None:
    with pytest.raises(DataError, match="length in tokens"):
        with_relative_length([one("a", None, 1.0, True), one("b", 2, 1.0, True)])


def test_the_cosine_runs_between_its_two_values() -> None:
    ends = {"limit": 100.0, "at_zero": 1.0, "at_limit": 0.5}
    assert cosine(0, **ends) == 1.0
    assert math.isclose(cosine(50, **ends), 0.75)
    assert math.isclose(cosine(100, **ends), 0.5)
    assert math.isclose(cosine(200, **ends), 1.0)  # beyond the limit it goes back up


def test_a_miss_costs_the_same_on_both_sides() -> None:
    assert deviation(90, 100, alpha=0.5) == deviation(110, 100, alpha=0.5) == -5.0
    assert deviation(100, 100, alpha=0.5) == 0.0


def test_headroom_is_one_half_at_the_limit_and_ends_at_0_and_1() -> None:
    lengths = [0, 98, 100, 101, 102, 500]
    found = [headroom(length, 100, alpha=0.5) for length in lengths]
    assert found == [1.0, 1.0, 0.5, 0.25, 0.0, 0.0]


def test_the_logistic_does_not_overflow() -> None:
    assert logistic(0.0) == 0.5
    assert math.isclose(logistic(1.0) + logistic(-1.0), 1.0)
    assert (logistic(-1e4), logistic(1e4)) == (0.0, 1.0)
