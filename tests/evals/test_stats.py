"""Scores of repeated sampling against closed forms, enumeration and their own coverage."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evals import stats
from evals.intervals import Interval
from evals.voting import Votes

MATRICES = st.tuples(st.integers(1, 8), st.integers(2, 6)).flatmap(
    lambda shape: st.lists(
        st.lists(st.sampled_from([0.0, 1.0]), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)
REWARDS = st.lists(st.floats(-5, 5), min_size=1, max_size=7)


def simulated(rng: np.random.Generator, problems: int, samples: int) -> list[list[float]]:
    """0/1 samples of problems whose difficulties are Beta(1, 1.5): true accuracy 0.4."""
    return drawn(rng, rng.beta(1.0, 1.5, size=problems), samples)


def drawn(rng: np.random.Generator, chance: np.ndarray, samples: int) -> list[list[float]]:
    """0/1 samples of problems with these chances."""
    return (rng.random((len(chance), samples)) < chance[:, None]).astype(float).tolist()


# Estimators.


def test_accuracy_is_the_mean_over_problems_not_over_samples() -> None:
    assert stats.accuracy([[1, 1, 1, 1], [0]]).value == 0.5


@given(REWARDS)
def test_best_at_k_is_the_mean_maximum_over_all_subsets(rewards: list[float]) -> None:
    for k in range(1, len(rewards) + 1):
        expected = np.mean([max(subset) for subset in combinations(rewards, k)])
        assert stats.best_at(rewards, k) == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 200), st.data())
def test_pass_at_k_is_the_best_of_k_on_right_and_wrong(samples: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, samples))
    k = data.draw(st.integers(1, samples))
    scores = [1.0] * right + [0.0] * (samples - right)
    assert stats.pass_at(samples, right, k) == pytest.approx(stats.best_at(scores, k), abs=1e-9)


def test_pass_at_one_is_the_accuracy() -> None:
    scores = simulated(np.random.default_rng(2), 50, 4)
    assert stats.pass_at_k(scores, 1).value == pytest.approx(stats.accuracy(scores).value)


@pytest.mark.parametrize("k", [0, 5])
def test_more_than_there_are_samples_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k} needs k from 1 to the number of samples, here"):
        stats.pass_at(4, 1, k)
    with pytest.raises(ValueError, match=f"best@{k} needs k from 1 to the number of samples, here"):
        stats.best_at([1.0] * 4, k)


def test_majority_is_scored_over_problems() -> None:
    right, wrong = Votes(["1", "1", "2"], [1, 1, 0]), Votes(["1", "2", "2"], [1, 0, 0])
    assert stats.maj_at_k([right, wrong, wrong, wrong], 3).value == 0.25
    assert stats.maj_at_k([right, wrong], 1).value == pytest.approx(0.5)


# Intervals over problems.


def test_interval_is_the_same_for_the_same_seed() -> None:
    scores = simulated(np.random.default_rng(0), 40, 4)
    assert stats.accuracy(scores, seed=3) == stats.accuracy(scores, seed=3)


def test_bootstrap_agrees_with_the_t_interval_and_the_closed_form() -> None:
    scores = simulated(np.random.default_rng(1), 300, 4)
    found, closed = stats.accuracy(scores), stats.accuracy_closed_form(scores)
    means = np.mean(scores, axis=1)
    half = scipy_stats.t.ppf(0.975, 299) * means.std(ddof=1) / 300**0.5
    assert (found.method, closed.method) == ("bootstrap", "clustered")
    assert found.half_width == pytest.approx(half, abs=0.003)
    assert closed.half_width == pytest.approx(half, abs=0.003)
    assert found.low == pytest.approx(closed.low, abs=0.006)
    assert found.high == pytest.approx(closed.high, abs=0.006)


def test_more_samples_of_the_same_problems_do_not_shrink_the_interval_for_free() -> None:
    few = [[1.0], [0.0]] * 20
    many = [[1.0] * 16, [0.0] * 16] * 20
    assert stats.accuracy(few) == stats.accuracy(many)


DIFFICULTIES = {"mixed": (1.0, 1.5), "bimodal": (0.15, 0.35), "easy": (2.0, 0.35)}


@pytest.mark.parametrize(
    ("name", "problems", "samples"), [("mixed", 30, 1), ("bimodal", 30, 16), ("easy", 40, 4)]
)
def test_interval_covers_the_truth_about_95_times_in_100(
    name: str, problems: int, samples: int
) -> None:
    """bench/coverage.py has the full table; 250 draws have a standard error of 1.4 %."""
    rng = np.random.default_rng([problems, samples])
    a, b = DIFFICULTIES[name]
    hits = np.zeros(3)
    for _ in range(250):
        chance = rng.beta(a, b, problems)
        scores = drawn(rng, chance, samples)
        whole = stats.accuracy(scores), stats.accuracy_closed_form(scores)
        hits[:2] += [interval.low <= a / (a + b) <= interval.high for interval in whole]
        same = stats.sampling_interval(scores)
        hits[2] += same.low <= chance.mean() <= same.high
    assert np.all(hits / 250 >= 0.915)
    assert np.all(hits[:2] / 250 <= 0.99)
    if samples > 1:  # with one sample it is a bound, and holds the truth more often
        assert hits[2] / 250 <= 0.985


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_equal_problems_get_a_wilson_interval_with_width(value: float) -> None:
    found = stats.accuracy([[value]] * 30)
    assert found.method == "wilson"
    assert found.low <= value <= found.high
    assert found.high - found.low > 0.1


def test_one_sample_a_problem_is_a_binomial() -> None:
    expected = scipy_stats.binomtest(7, 30).proportion_ci(method="wilson")
    found = stats.accuracy([[1.0]] * 7 + [[0.0]] * 23)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_mean_reward_is_not_clipped_to_one() -> None:
    found = stats.mean([[3.0], [-1.0], [2.0], [-2.0]] * 10)
    assert found.value == pytest.approx(0.5)
    assert found.low < 0 < found.high
    assert stats.mean([[2.0]] * 3) == Interval(value=2.0, low=2.0, high=2.0, method="constant")


def test_best_reward_of_several_is_no_smaller_than_their_mean() -> None:
    rewards = np.random.default_rng(0).normal(size=(30, 8)).tolist()
    assert stats.best_at_k(rewards, 1).value == pytest.approx(stats.mean(rewards).value)
    assert stats.best_at_k(rewards, 8).value == pytest.approx(np.max(rewards, axis=1).mean())


def test_paired_difference_covers_the_truth_and_is_narrower_than_unpaired() -> None:
    rng = np.random.default_rng(6)
    hits = np.zeros(2)
    for _ in range(200):
        chance = rng.random(60) * 0.8
        before, after = drawn(rng, chance, 8), drawn(rng, chance + 0.1, 8)
        found = stats.paired_difference(before, after)
        same = stats.paired_sampling_difference(before, after)
        hits += [interval.low <= 0.1 <= interval.high for interval in (found, same)]
    assert np.all(hits / 200 >= 0.91)
    assert np.all(hits / 200 <= 0.985)
    one, two = stats.accuracy(before), stats.accuracy(after)
    assert found.half_width < 0.8 * np.hypot(one.half_width, two.half_width)


def test_identical_models_have_a_difference_of_zero_with_width() -> None:
    found = stats.paired_difference([[1.0], [0.0]] * 10, [[1.0], [0.0]] * 10)
    assert found.value == 0
    assert found.low < -0.1 < 0.1 < found.high


def test_difference_of_different_problem_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="same problems, got 1 and 2"):
        stats.paired_difference([[1.0]], [[1.0], [0.0]])
    with pytest.raises(ValueError, match="same problems, got 1 and 2"):
        stats.paired_sampling_difference([[1.0]], [[1.0], [0.0]])


def test_problem_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        stats.accuracy([[1.0], []])


# The noise of drawing samples.


@given(MATRICES)
def test_sampling_noise_is_the_pooled_variance_within_problems(scores: list[list[float]]) -> None:
    count, k = len(scores), len(scores[0])
    expected = np.var(scores, axis=1, ddof=1).sum() / k / count**2
    found = stats.sampling_noise(scores)
    assert found.method == "sampling"
    assert found.variance == pytest.approx(max(expected, 1 / (count * k) ** 2))


@given(st.integers(0, 30))
def test_one_sample_gives_the_binomial_bound_and_says_so(right: int) -> None:
    scores = [[1.0]] * right + [[0.0]] * (30 - right)
    found, share = stats.sampling_noise(scores), right / 30
    assert found.method == stats.sampling_interval(scores).method == "bound"
    assert found.variance == pytest.approx(max(share * (1 - share) / 30, 1 / 30**2))


def test_sampling_noise_is_unbiased() -> None:
    rng = np.random.default_rng(3)
    chance = rng.beta(0.15, 0.35, 30)
    runs = [drawn(rng, chance, 4) for _ in range(600)]
    truth = np.mean(chance * (1 - chance)) / 4 / 30
    assert np.mean([stats.sampling_noise(run).variance for run in runs]) == pytest.approx(
        truth, rel=0.05
    )
    assert np.var([np.mean(run) for run in runs]) == pytest.approx(truth, rel=0.15)


def test_samples_that_never_disagree_still_have_a_little_noise() -> None:
    found = stats.sampling_interval([[1.0] * 16] * 10 + [[0.0] * 16] * 20)
    assert 0 < found.half_width < 0.01


def test_sampling_interval_is_narrower_than_that_over_problems() -> None:
    scores = simulated(np.random.default_rng(4), 30, 16)
    assert stats.sampling_interval(scores).half_width < 0.5 * stats.accuracy(scores).half_width


def test_paired_noise_adds_up_and_remembers_a_bound() -> None:
    one, many = [[1.0], [0.0]] * 15, [[1.0, 0.0], [0.0, 0.0]] * 15
    found = stats.paired_sampling_difference(one, many)
    noise = stats.sampling_noise(one).variance + stats.sampling_noise(many).variance
    assert found.half_width == pytest.approx(1.96 * noise**0.5, rel=1e-3)
    assert found.method == "bound"
    assert stats.paired_sampling_difference(many, many).method == "sampling"


def test_run_sd_is_the_spread_of_the_columns() -> None:
    scores = simulated(np.random.default_rng(5), 30, 10)
    columns = [np.mean([row[run] for row in scores]) for run in range(10)]
    assert stats.run_sd(scores) == pytest.approx(np.std(columns, ddof=1))


def test_run_sd_and_the_one_that_the_problems_imply_agree_over_many_runs() -> None:
    scores = drawn(np.random.default_rng(7), np.linspace(0, 1, 30), 2000)
    truth = np.mean([p * (1 - p) for p in np.linspace(0, 1, 30)]) / 30
    assert stats.expected_run_sd(scores) == pytest.approx(truth**0.5, rel=0.01)
    assert stats.run_sd(scores) == pytest.approx(truth**0.5, rel=0.05)


@pytest.mark.parametrize("scores", [[[1.0], [0.0]], [[1.0, 0.0], [1.0, 0.0, 1.0]]])
def test_run_sd_needs_runs(scores: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="same number of samples, at least two"):
        stats.run_sd(scores)


# Responses.


def test_lengths() -> None:
    found = stats.lengths([*range(1, 100), 1000], [False] * 99 + [True])
    assert (found.mean, found.median, found.longest, found.truncated) == (59.5, 50.5, 1000, 0.01)
    assert found.p95 == pytest.approx(95.05)


@pytest.mark.parametrize(("tokens", "truncated"), [([], []), ([1, 2], [True])])
def test_lengths_need_a_flag_each(tokens: list[int], truncated: list[bool]) -> None:
    with pytest.raises(ValueError, match="one of each for every response"):
        stats.lengths(tokens, truncated)


def test_overlap() -> None:
    low = Interval(value=0.1, low=0.0, high=0.2, method="wilson")
    high = Interval(value=0.3, low=0.25, high=0.4, method="wilson")
    assert stats.overlap(low, low)
    assert not stats.overlap(low, high)
