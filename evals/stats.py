"""Intervals and estimators for repeated sampling, as pure functions; read by evals/run.py.

Scores come as one list per problem with one 0/1 (or a reward) per sample. Samples of one problem
are not independent, so everything is resampled by problem.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Matrix = Sequence[Sequence[float]]
Method = Literal["bootstrap", "wilson", "newcombe"]

RESAMPLES = 4000
Z95 = 1.959963984540054
BLOCK = 4_000_000  # cells of the resampling matrix held at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float
    method: Method


def problem_means(scores: Matrix) -> Array:
    """The mean score of each problem."""
    if not scores or any(len(row) == 0 for row in scores):
        raise ValueError(
            f"got {len(scores)} problems, some without a sample; every problem needs at least one"
        )
    return np.array([float(np.mean(row)) for row in scores])


def t_quantile(freedom: int) -> float:
    """97.5 % quantile of Student's t (Cornish-Fisher series; within 1 % from 4 degrees on)."""
    z = Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + float(sum(term / freedom**power for power, term in enumerate(terms, start=1)))


def bootstrap_means(values: Array, seed: int, resamples: int = RESAMPLES) -> Array:
    """Means of `resamples` draws of the problems with replacement."""
    rng = np.random.default_rng(seed)
    count = len(values)
    rows = max(1, BLOCK // count)
    blocks = [
        values[rng.integers(0, count, size=(min(rows, resamples - start), count))].mean(axis=1)
        for start in range(0, resamples, rows)
    ]
    return np.concatenate(blocks)


def bootstrap_interval(values: Array, seed: int, lowest: float, highest: float) -> Interval:
    """Percentile bootstrap over problems, widened for few problems.

    A plain percentile interval is too narrow by sqrt(n / (n - 1)) and by the ratio of Student's t
    to the normal quantile (Hesterberg 2015, "expanded percentile").
    """
    value = float(values.mean())
    count = len(values)
    low, high = np.percentile(bootstrap_means(values, seed), (2.5, 97.5))
    wider = float(np.sqrt(count / (count - 1))) * t_quantile(count - 1) / Z95
    return Interval(
        value=value,
        low=max(lowest, value - (value - float(low)) * wider),
        high=min(highest, value + (float(high) - value) * wider),
        method="bootstrap",
    )


def wilson_interval(successes: float, trials: int) -> tuple[float, float]:
    """Wilson score interval of a proportion; fractional successes are allowed."""
    share = successes / trials
    square = Z95**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    spread = (share * (1 - share) / trials + square / (4 * trials**2)) ** 0.5
    half = Z95 * spread / (1 + square / trials)
    # At 0 and 1 rounding must not push the share out of its own interval.
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def constant(values: Array) -> bool:
    """True when every problem has the same score, where a bootstrap has width zero."""
    return bool(np.ptp(values) < 1e-12)


def proportion(values: Array, seed: int) -> Interval:
    """Interval of the mean of per-problem proportions; Wilson on the problems if all are equal."""
    value = float(values.mean())
    if constant(values):
        low, high = wilson_interval(value * len(values), len(values))
        return Interval(value=value, low=low, high=high, method="wilson")
    return bootstrap_interval(values, seed, 0.0, 1.0)


def accuracy(scores: Matrix, *, seed: int = 0) -> Interval:
    """avg@k: the mean over problems of the share of right samples."""
    return proportion(problem_means(scores), seed)


def mean(scores: Matrix, *, seed: int = 0) -> Interval:
    """Mean of unbounded scores such as rewards; constant scores have a width of zero."""
    values = problem_means(scores)
    if constant(values):
        value = float(values[0])
        return Interval(value=value, low=value, high=value, method="bootstrap")
    return bootstrap_interval(values, seed, -np.inf, np.inf)


def pass_at(samples: int, right: int, k: int) -> float:
    """Unbiased chance that k of `samples` draws hold a right one (Chen et al. 2021)."""
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} needs k from 1 to the number of samples, here {samples}")
    if samples - right < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(samples - right + 1, samples + 1)))


def pass_at_k(scores: Matrix, k: int, *, seed: int = 0) -> Interval:
    """Mean over problems of the unbiased pass@k."""
    values = [pass_at(len(row), sum(value > 0 for value in row), k) for row in scores]
    return proportion(np.array(values), seed)


def newcombe(before: Array, after: Array) -> tuple[float, float]:
    """Interval of a difference of proportions from their Wilson intervals (Newcombe 1998)."""
    count = len(before)
    first, second = float(before.mean()), float(after.mean())
    first_low, first_high = wilson_interval(first * count, count)
    second_low, second_high = wilson_interval(second * count, count)
    return (
        second - first - float(np.hypot(second - second_low, first_high - first)),
        second - first + float(np.hypot(second_high - second, first - first_low)),
    )


FEWEST_CHANGED = 6
"""Below six problems that changed, even if all changed the same way, the exact two-sided sign test
stays above 5 % (2 / 2**5 = 6.25 %); a bootstrap interval does not know that."""


def paired_difference(before: Matrix, after: Matrix, *, seed: int = 0) -> Interval:
    """Mean of after - before on the same problems in the same order."""
    if len(before) != len(after):
        raise ValueError(
            f"a paired difference needs the same problems, got {len(before)} and {len(after)}"
        )
    first, second = problem_means(before), problem_means(after)
    change = second - first
    if constant(change):
        low, high = newcombe(first, second)
        return Interval(value=float(change.mean()), low=low, high=high, method="newcombe")
    return bootstrap_interval(change, seed, -1.0, 1.0)


def overlap(first: Interval, second: Interval) -> bool:
    """True when two intervals share a point."""
    return first.low <= second.high and second.low <= first.high
