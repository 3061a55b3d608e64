"""Intervals and one test over problems, bootstrap and closed form; read by evals/stats.py.

The input is one number per problem. Samples of one problem are not independent, so problems are
what is resampled. Their means already carry the noise of sampling within them: drawing samples
again inside each drawn problem would count that noise twice (Davison & Hinkley 1997, section 3.8).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evals.normal import NORMAL, Z95

Array = NDArray[np.float64]
Method = Literal["bootstrap", "clustered", "wilson", "newcombe", "constant", "sampling", "bound"]

RESAMPLES = 4000
BLOCK = 4_000_000  # cells of a resampling matrix held at once
FLIPS = 10_000  # sign patterns drawn by the sign-flip test
EXACT_CHANGES = 12  # up to this many changed problems every pattern of signs is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval.

    `method` says how it came about: bootstrap, clustered, wilson and newcombe speak about other
    problems of this kind; sampling and bound about other samples of the same problems; constant
    means that equal scores leave no width to estimate.
    """

    value: float
    low: float
    high: float
    method: Method

    @property
    def half_width(self) -> float:
        """Half of the distance between the ends."""
        return (self.high - self.low) / 2


def t_quantile(freedom: int) -> float:
    """97.5 % quantile of Student's t (Cornish-Fisher series; within 1 % from 4 degrees on)."""
    z = Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + float(sum(term / freedom**power for power, term in enumerate(terms, start=1)))


def constant(values: Array) -> bool:
    """True when every problem has the same score, where a bootstrap has width zero."""
    return bool(np.ptp(values) < 1e-12)


def zero_or_one(values: Array) -> bool:
    """True when every score is 0 or 1: a plain binomial proportion."""
    return bool(np.isin(values, (0.0, 1.0)).all())


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


def expanded_quantile(count: int) -> float:
    """Normal quantile that widens a bootstrap of few problems to its nominal level.

    A percentile interval is too narrow by sqrt(n / (n - 1)) and by the ratio of Student's t to the
    normal quantile (Hesterberg 2015, "expanded percentile").
    """
    return float(np.sqrt(count / (count - 1))) * t_quantile(count - 1)


def difference_interval(change: Array, step: float, seed: int) -> Interval:
    """Expanded percentile bootstrap of the mean change over problems, in -1..1.

    Two imaginary problems join, one better and one worse by `step`, the smallest change that one
    sample makes (Bonett & Price 2012 add them to a difference of paired proportions). Without them
    the interval is too short when few problems change; BCa, which suits scores, would exclude zero
    twice as often as it should (bench/coverage.py).
    """
    value = float(change.mean())
    joined = np.append(change, [step, -step])
    centre = float(joined.mean())
    low, high = np.percentile(bootstrap_means(joined, seed), (2.5, 97.5))
    wider = expanded_quantile(len(joined)) / Z95
    return Interval(
        value=value,
        low=max(-1.0, min(value, centre - (centre - float(low)) * wider)),
        high=min(1.0, max(value, centre + (float(high) - centre) * wider)),
        method="bootstrap",
    )


def bca_interval(values: Array, seed: int) -> Interval:
    """Expanded BCa bootstrap over problems (Efron 1987), for scores, which are skewed.

    The bias z0 counts ties as half; the acceleration comes from the jackknife.
    """
    value, count = float(values.mean()), len(values)
    means = bootstrap_means(values, seed)
    below = (float(np.mean(means < value)) + float(np.mean(means <= value))) / 2
    z0 = NORMAL.inv_cdf(min(max(below, 1 / RESAMPLES), 1 - 1 / RESAMPLES))
    pulls = (values - value) / (count - 1)
    acceleration = float((pulls**3).sum() / (6 * (pulls**2).sum() ** 1.5))
    wide = expanded_quantile(count)
    shares = [
        NORMAL.cdf(z0 + (z0 + z) / (1 - acceleration * (z0 + z))) for z in (-wide, wide)
    ]  # fmt: skip
    low, high = np.quantile(means, shares)
    # Rounding in the quantiles must not push the estimate out of its own interval.
    return Interval(
        value=value, low=min(value, float(low)), high=max(value, float(high)), method="bootstrap"
    )


def ratio_interval(over: Array, under: Array, seed: int) -> Interval:
    """Ratio of the sums of two numbers a problem, with an expanded percentile bootstrap.

    Problems are drawn with both their numbers, so that what makes both large cancels. The interval
    is widened on the logarithm, on which a ratio and its inverse have the same width.
    """
    value, count = float(over.sum() / under.sum()), len(over)
    if constant(over - value * under):
        return Interval(value=value, low=value, high=value, method="constant")
    rng = np.random.default_rng(seed)
    rows, logs = max(1, BLOCK // count), []
    for start in range(0, RESAMPLES, rows):
        drawn = rng.integers(0, count, size=(min(rows, RESAMPLES - start), count))
        logs.append(np.log(over[drawn].sum(axis=1) / under[drawn].sum(axis=1)))
    low, high = np.percentile(np.concatenate(logs), (2.5, 97.5))
    wider, centre = expanded_quantile(count) / Z95, float(np.log(value))
    return Interval(
        value=value,
        low=min(value, value * float(np.exp((low - centre) * wider))),
        high=max(value, value * float(np.exp((high - centre) * wider))),
        method="bootstrap",
    )


def wilson_interval(share: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion; trials may be an effective, fractional number."""
    square = z**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    spread = (share * (1 - share) / trials + square / (4 * trials**2)) ** 0.5
    half = z * spread / (1 + square / trials)
    # At 0 and 1 rounding must not push the share out of its own interval.
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def effective_wilson(share: float, variance: float, z: float = Z95) -> tuple[float, float]:
    """Wilson interval of a share with a known variance, by the number of trials that has it.

    Keeps the ends inside 0..1 and the interval skewed the right way (Korn & Graubard 1998). A share
    of exactly 0 or 1 gets the trials of a share one standard error away from it.
    """
    error = min(0.5, variance**0.5)
    inside = min(max(share, error), 1 - error)
    return wilson_interval(share, inside * (1 - inside) / variance, z)


def clustered_interval(values: Array) -> Interval:
    """Closed form beside the bootstrap: Wilson with the clustered standard error and Student's t.

    `values` are shares in 0..1, one per problem.
    """
    value, count = float(values.mean()), len(values)
    if zero_or_one(values) or constant(values):
        low, high = wilson_interval(value, count)
        return Interval(value=value, low=low, high=high, method="wilson")
    low, high = effective_wilson(value, float(values.var(ddof=1)) / count, t_quantile(count - 1))
    return Interval(value=value, low=low, high=high, method="clustered")


def newcombe(before: Array, after: Array) -> tuple[float, float]:
    """Interval of a difference of proportions from their Wilson intervals (Newcombe 1998)."""
    count = len(before)
    first, second = float(before.mean()), float(after.mean())
    first_low, first_high = wilson_interval(first, count)
    second_low, second_high = wilson_interval(second, count)
    return (
        second - first - float(np.hypot(second - second_low, first_high - first)),
        second - first + float(np.hypot(second_high - second, first - first_low)),
    )


def sign_flip_p(change: Array, seed: int = 0) -> float:
    """Two-sided p-value of "neither of the two is better" from the signs of the changes.

    When two models are equal on every problem, each difference could as well have had the other
    sign, so the share of sign patterns with a sum at least as far from zero is an exact p-value for
    any number of problems and samples; with one sample it is the sign test. Up to 12 changed
    problems all patterns are counted, beyond that 10,000 are drawn (and the observed one added,
    which keeps the test valid: Phipson & Smyth 2010).
    """
    change = change[np.abs(change) > 1e-12]
    count, total = len(change), float(change.sum())
    reach = abs(total) - 1e-9
    if count <= EXACT_CHANGES:
        positive = np.arange(2**count)[:, None] >> np.arange(count) & 1
        return float(np.mean(np.abs(2 * (positive @ change) - total) >= reach))
    rng = np.random.default_rng(seed)
    rows, hits = max(1, BLOCK // count), 0
    for start in range(0, FLIPS, rows):
        size = (min(rows, FLIPS - start), count)
        positive = rng.integers(0, 2, size=size, dtype=np.int8)
        hits += int(np.sum(np.abs(2 * (positive @ change) - total) >= reach))
    return (1 + hits) / (1 + FLIPS)
