"""Scores of repeated sampling with their intervals, as pure functions; read by evals/run.py.

Scores come as one list per problem with one 0/1 (or a reward) per sample. Two questions have two
intervals: what the model would score on other problems of this kind (resampled by problem), and
what it would score on these problems with other samples (`sampling_interval`), which is the one for
a claim measured on the same problems.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np

from evals.intervals import (
    Array,
    Interval,
    bca_interval,
    clustered_interval,
    constant,
    difference_interval,
    effective_wilson,
    newcombe,
    wilson_interval,
    zero_or_one,
)
from evals.normal import Z95
from evals.voting import Votes, majority_at

Matrix = Sequence[Sequence[float]]


def problem_means(scores: Matrix) -> Array:
    """The mean score of each problem."""
    if not scores or any(len(row) == 0 for row in scores):
        raise ValueError(
            f"got {len(scores)} problems, some without a sample; every problem needs at least one"
        )
    return np.array([float(np.mean(row)) for row in scores])


def same_problems(before: Matrix, after: Matrix) -> tuple[Array, Array]:
    """Problem means of two runs on the same problems in the same order."""
    if len(before) != len(after):
        raise ValueError(
            f"a paired difference needs the same problems, got {len(before)} and {len(after)}"
        )
    return problem_means(before), problem_means(after)


# Estimators of one problem.


def pass_at(samples: int, right: int, k: int) -> float:
    """Unbiased chance that k of `samples` draws hold a right one (Chen et al. 2021)."""
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} needs k from 1 to the number of samples, here {samples}")
    if samples - right < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(samples - right + 1, samples + 1)))


def best_at(rewards: Sequence[float], k: int) -> float:
    """Unbiased expected maximum of k of the samples; for 0/1 scores this is pass@k."""
    samples = len(rewards)
    if not 1 <= k <= samples:
        raise ValueError(f"best@{k} needs k from 1 to the number of samples, here {samples}")
    chances = [comb(rank, k - 1) / comb(samples, k) for rank in range(samples)]
    return float(np.dot(chances, np.sort(rewards)))


# Scores over problems.


def proportion(values: Array, seed: int) -> Interval:
    """Interval of the mean of per-problem shares.

    BCa bootstrap over problems; Wilson where every problem is 0 or 1 (nothing but a binomial) or
    all problems are equal (a bootstrap has no width).
    """
    value = float(values.mean())
    if zero_or_one(values) or constant(values):
        low, high = wilson_interval(value, len(values))
        return Interval(value=value, low=low, high=high, method="wilson")
    return bca_interval(values, seed)


def accuracy(scores: Matrix, *, seed: int = 0) -> Interval:
    """avg@k: the mean over problems of the share of right samples."""
    return proportion(problem_means(scores), seed)


def accuracy_closed_form(scores: Matrix) -> Interval:
    """avg@k with the interval from the clustered standard error, to check the bootstrap against."""
    return clustered_interval(problem_means(scores))


def pass_at_k(scores: Matrix, k: int, *, seed: int = 0) -> Interval:
    """Mean over problems of the unbiased pass@k."""
    values = [pass_at(len(row), sum(value > 0 for value in row), k) for row in scores]
    return proportion(np.array(values), seed)


def maj_at_k(votes: Sequence[Votes], k: int, *, seed: int = 0) -> Interval:
    """Mean over problems of the expected score of a majority vote among k samples."""
    return proportion(np.array([majority_at(row, k) for row in votes]), seed)


def unbounded(values: Array, seed: int) -> Interval:
    """Interval of the mean of unbounded values; equal ones have a width of zero."""
    if constant(values):
        value = float(values[0])
        return Interval(value=value, low=value, high=value, method="constant")
    return bca_interval(values, seed)


def mean(scores: Matrix, *, seed: int = 0) -> Interval:
    """Mean of unbounded scores such as rewards."""
    return unbounded(problem_means(scores), seed)


def best_at_k(scores: Matrix, k: int, *, seed: int = 0) -> Interval:
    """Mean over problems of the expected best of k rewards."""
    return unbounded(np.array([best_at(row, k) for row in scores]), seed)


def paired_difference(before: Matrix, after: Matrix, *, seed: int = 0) -> Interval:
    """Mean of after - before, shares on the same problems in the same order; over problems."""
    first, second = same_problems(before, after)
    change = second - first
    if constant(change):
        low, high = newcombe(first, second)
        return Interval(value=float(change.mean()), low=low, high=high, method="newcombe")
    fewest = min(len(row) for row in (*before, *after))
    return difference_interval(change, 1 / fewest, seed)


# The noise of drawing samples, problems fixed.


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How much avg@k would move if the same problems were sampled again."""

    variance: float
    """Of avg@k, in squared shares."""
    method: Literal["sampling", "bound"]
    """bound: one sample cannot tell its own noise, p (1 - p) / n is the most it can be."""


def sampling_noise(scores: Matrix) -> Noise:
    """Variance of avg@k from the variance within problems (unbiased, n - 1).

    Where any problem has one sample, the variance across problems stands in: for 0/1 scores it is
    p (1 - p) / n, reached only if all problems are equally hard. At least one sample's worth is
    assumed, since a set of samples that never disagree still comes out differently once in a while.
    """
    values = problem_means(scores)
    count = len(values)
    floor = 1.0 / sum(len(row) for row in scores) ** 2
    if min(len(row) for row in scores) == 1:
        return Noise(variance=max(floor, float(values.var()) / count), method="bound")
    within = sum(float(np.var(row, ddof=1)) / len(row) for row in scores) / count**2
    return Noise(variance=max(floor, within), method="sampling")


def sampling_interval(scores: Matrix) -> Interval:
    """avg@k of 0/1 scores with the noise of drawing samples only: the same problems, drawn again.

    Wilson on the effective number of samples. The method is "bound" with one sample a problem,
    where the interval is only known to be wide enough.
    """
    noise, value = sampling_noise(scores), float(problem_means(scores).mean())
    low, high = effective_wilson(value, noise.variance)
    return Interval(value=value, low=low, high=high, method=noise.method)


def paired_sampling_difference(before: Matrix, after: Matrix) -> Interval:
    """Mean of after - before with the noise of drawing samples only, on these very problems."""
    first, second = same_problems(before, after)
    noises = sampling_noise(before), sampling_noise(after)
    value = float(np.mean(second - first))
    half = Z95 * sum(noise.variance for noise in noises) ** 0.5
    return Interval(
        value=value,
        low=max(-1.0, value - half),
        high=min(1.0, value + half),
        method=min(noises, key=lambda noise: noise.method).method,
    )


def run_sd(scores: Matrix) -> float:
    """Standard deviation over runs, the i-th sample of every problem being run i.

    What "mean and standard deviation over 10 seeds" reports: the spread of one-sample runs, not the
    error of their mean. More runs make it no smaller.
    """
    counts = {len(row) for row in scores}
    if len(counts) != 1 or min(counts) < 2:
        raise ValueError(
            "a standard deviation over runs needs the same number of samples, at least two, for "
            f"every problem; got {sorted(counts)}"
        )
    return float(np.mean(scores, axis=0).std(ddof=1))


def expected_run_sd(scores: Matrix) -> float:
    """The standard deviation of one-sample runs that the variance within problems implies.

    The same quantity as `run_sd` when samples are independent, far less noisy, and the one to plan
    with (evals/planning.py). With one sample a problem it is an upper bound.
    """
    samples = len(scores) / sum(1 / len(row) for row in scores)
    return float((sampling_noise(scores).variance * samples) ** 0.5)


# Responses.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Response lengths in tokens and the share that was cut off."""

    mean: float
    median: float
    p95: float
    longest: int
    truncated: float


def lengths(tokens: Sequence[int], truncated: Sequence[bool]) -> Lengths:
    """Statistics of all responses, the truncated ones included at the length they reached."""
    if not tokens or len(tokens) != len(truncated):
        raise ValueError(
            f"got {len(tokens)} lengths and {len(truncated)} truncation flags; give one of each "
            "for every response, and at least one"
        )
    values = np.asarray(tokens)
    return Lengths(
        mean=float(values.mean()),
        median=float(np.median(values)),
        p95=float(np.percentile(values, 95)),
        longest=int(values.max()),
        truncated=float(np.mean(truncated)),
    )


def overlap(first: Interval, second: Interval) -> bool:
    """True when two intervals share a point."""
    return first.low <= second.high and second.low <= first.high
