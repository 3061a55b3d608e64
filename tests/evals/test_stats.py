"""Statistics against closed forms and against their own coverage under simulation."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from evals import stats
from evals.stats import Interval


def simulated(rng: np.random.Generator, problems: int, samples: int) -> list[list[float]]:
    """0/1 samples of problems whose difficulties are Beta(1, 1.5): true accuracy 0.4."""
    chance = rng.beta(1.0, 1.5, size=(problems, 1))
    drawn: list[list[float]] = (rng.random((problems, samples)) < chance).astype(float).tolist()
    return drawn


def test_accuracy_is_the_mean_over_problems_not_over_samples() -> None:
    assert stats.accuracy([[1, 1, 1, 1], [0]]).value == 0.5


def test_interval_is_the_same_for_the_same_seed() -> None:
    scores = simulated(np.random.default_rng(0), 40, 4)
    assert stats.accuracy(scores, seed=3) == stats.accuracy(scores, seed=3)


def test_bootstrap_agrees_with_the_t_interval_of_the_problem_means() -> None:
    scores = simulated(np.random.default_rng(1), 300, 4)
    found = stats.accuracy(scores)
    means = np.mean(scores, axis=1)
    half = stats.t.ppf(0.975, 299) * means.std(ddof=1) / 300**0.5
    assert found.method == "bootstrap"
    assert found.low == pytest.approx(found.value - half, abs=0.006)
    assert found.high == pytest.approx(found.value + half, abs=0.006)


def test_more_samples_of_the_same_problems_do_not_shrink_the_interval_for_free() -> None:
    few = [[1.0], [0.0]] * 20
    many = [[1.0] * 16, [0.0] * 16] * 20
    assert stats.accuracy(few) == stats.accuracy(many)


@pytest.mark.parametrize(("problems", "samples"), [(12, 4), (30, 8), (200, 1)])
def test_interval_covers_the_truth_about_95_times_in_100(problems: int, samples: int) -> None:
    rng = np.random.default_rng(problems)
    found = [stats.accuracy(simulated(rng, problems, samples)) for _ in range(400)]
    covered = np.mean([interval.low <= 0.4 <= interval.high for interval in found])
    assert 0.92 <= covered <= 0.985


def test_paired_difference_covers_the_truth_and_is_narrower_than_unpaired() -> None:
    rng = np.random.default_rng(6)
    hits, widths, unpaired = 0, [], []
    for _ in range(600):
        chance = rng.random((60, 1)) * 0.8
        before = (rng.random((60, 8)) < chance).astype(float).tolist()
        after = (rng.random((60, 8)) < chance + 0.1).astype(float).tolist()
        found = stats.paired_difference(before, after)
        hits += found.low <= 0.1 <= found.high
        widths.append(found.high - found.low)
        one, two = stats.accuracy(before), stats.accuracy(after)
        unpaired.append(np.hypot(one.high - one.low, two.high - two.low))
    assert 0.92 <= hits / 600 <= 0.985
    assert np.mean(widths) < 0.8 * np.mean(unpaired)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_equal_problems_get_a_wilson_interval_with_width(value: float) -> None:
    found = stats.accuracy([[value]] * 30)
    assert found.method == "wilson"
    assert found.low <= value <= found.high
    assert found.high - found.low > 0.1


@pytest.mark.parametrize(("right", "trials"), [(0, 30), (7, 30), (30, 30), (1, 1)])
def test_wilson_matches_scipy(right: int, trials: int) -> None:
    expected = stats.binomtest(right, trials).proportion_ci(method="wilson")
    assert stats.wilson_interval(right, trials) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("freedom", [4, 9, 29, 499])
def test_t_quantile_matches_scipy(freedom: int) -> None:
    assert stats.t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01)


@pytest.mark.parametrize(("samples", "right", "k"), [(4, 1, 2), (8, 3, 4), (5, 0, 3), (4, 3, 2)])
def test_pass_at_is_the_share_of_subsets_with_a_right_sample(
    samples: int, right: int, k: int
) -> None:
    subsets = list(combinations([True] * right + [False] * (samples - right), k))
    expected = sum(any(subset) for subset in subsets) / len(subsets)
    assert stats.pass_at(samples, right, k) == pytest.approx(expected)


def test_pass_at_one_is_the_accuracy() -> None:
    scores = simulated(np.random.default_rng(2), 50, 4)
    assert stats.pass_at_k(scores, 1).value == pytest.approx(stats.accuracy(scores).value)


def test_pass_at_refuses_more_than_there_are_samples() -> None:
    with pytest.raises(ValueError, match="pass@5 needs k from 1 to the number of samples, here 4"):
        stats.pass_at(4, 1, 5)


def test_identical_models_have_a_difference_of_zero_with_width() -> None:
    found = stats.paired_difference([[1.0], [0.0]] * 10, [[1.0], [0.0]] * 10)
    assert found.value == 0
    assert found.low < -0.1 < 0.1 < found.high


def test_difference_of_different_problem_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="same problems, got 1 and 2"):
        stats.paired_difference([[1.0]], [[1.0], [0.0]])


def test_problem_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        stats.accuracy([[1.0], []])


def test_mean_reward_is_not_clipped_to_one() -> None:
    found = stats.mean([[3.0], [-1.0], [2.0], [-2.0]] * 10)
    assert found.value == pytest.approx(0.5)
    assert found.low < 0 < found.high


def test_overlap() -> None:
    low = Interval(value=0.1, low=0.0, high=0.2, method="wilson")
    high = Interval(value=0.3, low=0.25, high=0.4, method="wilson")
    assert stats.overlap(low, low)
    assert not stats.overlap(low, high)
