"""ALP: the price of a token follows the solve rate, with a floor, and does not ask who is right."""

import pytest

from harness.errors import DataError
from harness.rewards import Sample, Score, Scored
from reproductions.alp.reward import adaptive_penalty
from tests.composing import spec_of


def group(*members: tuple[int | None, bool]) -> list[Scored]:
    return [
        Scored(
            sample=Sample(prompt="", response="", ground_truth=None, response_tokens=tokens),
            score=Score(value=float(right), correct=right),
        )
        for tokens, right in members
    ]


def prices(*members: tuple[int | None, bool]) -> list[float]:
    """What each response pays for a token."""
    paid = adaptive_penalty(group(*members), beta=1.0)
    return [
        (float(right) - value) / (tokens or 1)
        for value, (tokens, right) in zip(paid, members, strict=True)
    ]


def test_the_price_is_the_solve_rate() -> None:
    assert prices((10, True), (20, True), (30, True), (40, True)) == [1.0] * 4
    assert prices((10, True), (20, False), (30, True), (40, True)) == [0.75] * 4


def test_what_nothing_solves_still_pays_the_floor() -> None:
    assert prices((10, False), (20, False), (30, False), (40, False)) == [0.25] * 4
    assert prices((10, True), (20, False), (30, False), (40, False)) == [0.25] * 4


def test_the_full_size_weight_moves_groups_that_are_all_right() -> None:
    """Differences of 1e-7 a token stay far above what GRPO adds to a group's deviation."""
    spec = spec_of("+repro=alp", "hardware=8xA100")
    values = adaptive_penalty(group((3000, True), (5000, True)), **spec.reward.group_arguments)
    assert values[0] - values[1] == pytest.approx(2.0e-4)
    assert values[0] - values[1] > 100 * spec.algorithm.std_epsilon  # type: ignore[union-attr]


def test_an_unknown_length_is_an_error() -> None:
    with pytest.raises(DataError, match="length in tokens"):
        adaptive_penalty(group((None, True), (3, True)), beta=1.0)
