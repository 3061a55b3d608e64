"""Interval methods and the sign-flip test against scipy and enumeration."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from evals import intervals


@pytest.mark.parametrize(("right", "trials"), [(0, 30), (7, 30), (30, 30), (1, 1)])
def test_wilson_matches_scipy(right: int, trials: int) -> None:
    expected = scipy_stats.binomtest(right, trials).proportion_ci(method="wilson")
    assert intervals.wilson_interval(right / trials, trials) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("freedom", [4, 9, 29, 499])
def test_t_quantile_matches_scipy(freedom: int) -> None:
    expected = scipy_stats.t.ppf(0.975, freedom)
    assert intervals.t_quantile(freedom) == pytest.approx(expected, rel=0.01)


def test_bca_matches_scipy_where_the_expansion_is_small() -> None:
    values = np.random.default_rng(0).beta(0.3, 2.0, 400)
    found = intervals.bca_interval(values, seed=0)
    expected = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.002)
    assert found.high - found.value > found.value - found.low


@settings(max_examples=50)
@given(st.lists(st.integers(0, 16), min_size=2, max_size=40).filter(lambda v: len(set(v)) > 1))
def test_intervals_hold_their_estimate_and_stay_in_range(right: list[int]) -> None:
    values = np.array(right) / 16
    for found in (intervals.bca_interval(values, 0), intervals.clustered_interval(values)):
        assert 0 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1


@given(st.integers(1, 99), st.integers(5, 500))
def test_wilson_of_a_binomial_variance_is_wilson(percent: int, trials: int) -> None:
    share = percent / 100
    variance = share * (1 - share) / trials
    if variance**0.5 < min(share, 1 - share):
        assert intervals.effective_wilson(share, variance) == pytest.approx(
            intervals.wilson_interval(share, trials)
        )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_zero_or_one_has_the_width_of_all_its_samples(share: float) -> None:
    low, high = intervals.effective_wilson(share, 1 / 480**2)
    assert low <= share <= high
    assert high - low == pytest.approx(3.84 / 480, rel=0.02)


@pytest.mark.parametrize(("better", "worse", "n"), [(1, 0, 30), (4, 1, 30), (60, 40, 320)])
def test_difference_agrees_with_bonett_and_price(better: int, worse: int, n: int) -> None:
    """Their adjusted Wald interval for paired proportions, which has Student's t here."""
    change = np.array([1.0] * better + [-1.0] * worse + [0.0] * (n - better - worse))
    found = intervals.difference_interval(change, 1.0, seed=0)
    up, down = (better + 1) / (n + 2), (worse + 1) / (n + 2)
    half = scipy_stats.t.ppf(0.975, n + 1) * ((up + down - (up - down) ** 2) / (n + 1)) ** 0.5
    assert found.value == pytest.approx((better - worse) / n)
    assert found.low == pytest.approx(up - down - half, abs=0.025)
    assert found.high == pytest.approx(up - down + half, abs=0.025)


def test_newcombe_is_made_of_two_wilson_intervals() -> None:
    before, after = np.array([1.0] * 24 + [0.0] * 16), np.array([1.0] * 32 + [0.0] * 8)
    low, high = intervals.newcombe(before, after)
    one = scipy_stats.binomtest(24, 40).proportion_ci(method="wilson")
    two = scipy_stats.binomtest(32, 40).proportion_ci(method="wilson")
    assert low == pytest.approx(0.2 - np.hypot(0.8 - two.low, one.high - 0.6))
    assert high == pytest.approx(0.2 + np.hypot(two.high - 0.8, 0.6 - one.low))


@settings(max_examples=50)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_sign_flip_is_the_share_of_all_sign_patterns(change: list[int]) -> None:
    sums = [abs(np.dot(signs, change)) for signs in product((-1, 1), repeat=len(change))]
    expected = np.mean([total >= abs(sum(change)) for total in sums])
    assert intervals.sign_flip_p(np.array(change) / 4) == pytest.approx(expected)


@pytest.mark.parametrize(("better", "worse"), [(5, 0), (6, 0), (9, 2), (20, 6)])
def test_with_one_sample_the_sign_flip_is_the_sign_test(better: int, worse: int) -> None:
    change = np.array([1.0] * better + [-1.0] * worse + [0.0] * 30)
    expected = scipy_stats.binomtest(better, better + worse).pvalue
    assert intervals.sign_flip_p(change) == pytest.approx(expected, abs=0.005)


def test_nothing_changed_is_no_evidence() -> None:
    assert intervals.sign_flip_p(np.zeros(30)) == 1.0
