"""Response lengths by hand: means of right and wrong, limits, budgets, and the relative change with
its interval, whose coverage is simulated."""

import numpy as np
import pytest

from evals.intervals import ratio_interval
from evals.response_lengths import (
    at_limit,
    budget_kept,
    change_variance,
    sampling_change,
    token_change,
    token_means,
    within,
)

TOKENS = [[100.0, 300.0], [200.0, 400.0], [50.0, 150.0]]
CORRECT = [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


def test_means_of_right_and_wrong_responses() -> None:
    found = token_means(TOKENS, CORRECT)
    assert found.all.value == 200.0
    assert found.right is not None and found.right.value == pytest.approx(700 / 3)
    assert found.wrong is not None and found.wrong.value == pytest.approx(500 / 3)
    assert found.right.low < 700 / 3 < found.right.high


def test_one_problem_with_a_right_response_has_no_interval() -> None:
    found = token_means(TOKENS, [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    assert found.right is None and found.wrong is not None


def test_a_response_of_more_tokens_than_the_limit_is_wrong() -> None:
    assert within(TOKENS, CORRECT, 200) == [[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    found = at_limit(TOKENS, CORRECT, 200)
    assert (found.tokens, found.accuracy.value, found.longer) == (200, pytest.approx(1 / 3), 1 / 3)
    assert at_limit(TOKENS, CORRECT, 400).accuracy.value == pytest.approx(0.5)
    assert at_limit(TOKENS, CORRECT, 99).accuracy.value == 0.0


def test_distance_from_the_budget() -> None:
    found = budget_kept([[100.0, 300.0], [200.0, 200.0]], 200)
    assert found.error.value == pytest.approx((0.5 + 0.5 + 0 + 0) / 4)
    assert found.above.value == pytest.approx(0.25)


def test_half_as_long_on_every_problem_is_known_exactly() -> None:
    halves = [[value / 2 for value in row] for row in TOKENS]
    found = token_change(TOKENS, halves)
    assert found is not None and found.over_problems.method == "constant"
    assert (found.over_problems.value, found.over_problems.low) == (-0.5, -0.5)
    # within each problem var(mean) = 20000/2, 20000/2, 5000/2 of base: relative to 200^2 and 100^2
    relative = (22500 / 9) / 200**2
    assert change_variance(TOKENS, halves) == pytest.approx(0.25 * 2 * relative)
    half = 1.959964 * (0.25 * 2 * relative) ** 0.5
    assert found.sampling.high == pytest.approx(-0.5 + half, rel=1e-5)
    assert change_variance(TOKENS, halves, k=8) == pytest.approx(0.25 * 2 * relative / 4)


def test_one_sample_a_problem_bounds_the_noise() -> None:
    found = sampling_change([[100.0], [300.0]], [[50.0], [150.0]])
    assert found.method == "bound" and found.low < -0.5 < found.high


def test_a_model_that_says_nothing_has_no_relative_length() -> None:
    assert token_change([[0.0], [10.0]], [[5.0], [5.0]]) is None


def test_pairing_narrows_the_ratio() -> None:
    rng = np.random.default_rng(0)
    difficulty = rng.lognormal(7, 1, size=60)
    noise = rng.lognormal(0, 0.1, size=60)
    paired = ratio_interval(0.5 * difficulty * noise, difficulty, seed=0)
    mixed = ratio_interval(rng.permutation(0.5 * difficulty * noise), difficulty, seed=0)
    assert (paired.high - paired.low) < 0.3 * (mixed.high - mixed.low)
    assert paired.low < 0.5 < paired.high


def test_the_interval_of_the_ratio_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits, runs, problems = 0, 200, 40
    for run in range(runs):
        before = rng.lognormal(7, 0.6, size=problems)
        after = 0.6 * before * rng.lognormal(0, 0.3, size=problems)
        truth = 0.6 * float(np.exp(0.3**2 / 2))
        found = ratio_interval(after, before, seed=run)
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / runs <= 0.99
