"""Response lengths as statistics: means of right and wrong responses, scores at token limits, how
budgets are kept, and how much shorter a model became. Pure; evals/assess.py calls it.

Scores and token counts come as one list per problem with one number per sample.
"""

import math
from collections.abc import Sequence

import numpy as np

from evals import stats
from evals.intervals import Array, Interval, ratio_interval
from evals.normal import Z95
from evals.scores import AtLimit, BudgetKept, TokenChange, TokenMeans
from evals.stats import Matrix

FEWEST = 2
"""Problems that an interval over problems needs."""


def token_means(tokens: Matrix, correct: Matrix) -> TokenMeans:
    """Mean length of all, of right and of wrong responses.

    Right and wrong are means over responses, so that a problem counts by how many it has of them.
    """
    wrong = [[1 - value for value in row] for row in correct]
    return TokenMeans(
        all=stats.mean(tokens), right=_mean_among(tokens, correct), wrong=_mean_among(tokens, wrong)
    )


def _mean_among(tokens: Matrix, chosen: Matrix) -> Interval | None:
    """Mean length of the chosen responses (1, others 0), over the problems that have any."""
    sums, counts = [], []
    for lengths, among in zip(tokens, chosen, strict=True):
        if any(among):
            sums.append(float(np.dot(lengths, among)))
            counts.append(float(sum(among)))
    if len(counts) < FEWEST:
        return None
    return ratio_interval(np.array(sums), np.array(counts), seed=0)


def within(tokens: Matrix, correct: Matrix, limit: int) -> list[list[float]]:
    """Scores at a token limit: a response of more tokens is wrong."""
    return [
        [score if length <= limit else 0.0 for score, length in zip(scores, lengths, strict=True)]
        for scores, lengths in zip(correct, tokens, strict=True)
    ]


def at_limit(tokens: Matrix, correct: Matrix, limit: int) -> AtLimit:
    """The score of the same samples at one token limit."""
    cut = within(tokens, correct, limit)
    lengths = [length for row in tokens for length in row]
    return AtLimit(
        tokens=limit,
        accuracy=stats.accuracy(cut),
        sampling=stats.sampling_interval(cut),
        longer=sum(length > limit for length in lengths) / len(lengths),
    )


def budget_kept(tokens: Matrix, budget: int) -> BudgetKept:
    """How far from the budget responses are, and how many exceed it."""
    return BudgetKept(
        error=stats.mean([[abs(length - budget) / budget for length in row] for row in tokens]),
        above=stats.accuracy([[float(length > budget) for length in row] for row in tokens]),
    )


def token_change(before: Matrix, after: Matrix) -> TokenChange | None:
    """Relative change of the mean length on the same problems in the same order; None where a
    model says nothing at all to some problem, so that there may be nothing to relate to."""
    first, second = stats.same_problems(before, after)
    if min(first.min(), second.min()) <= 0:
        return None
    ratio = ratio_interval(second, first, seed=0)
    over_problems = Interval(
        value=ratio.value - 1, low=ratio.low - 1, high=ratio.high - 1, method=ratio.method
    )
    return TokenChange(over_problems=over_problems, sampling=sampling_change(before, after))


def sampling_change(before: Matrix, after: Matrix) -> Interval:
    """Relative change of the mean length, with the noise of drawing samples only."""
    change = float(np.mean(_means(after)) / np.mean(_means(before))) - 1
    noises = [stats.sampling_noise(lengths).method for lengths in (before, after)]
    half = Z95 * math.sqrt(change_variance(before, after))
    return Interval(
        value=change,
        low=change - half,
        high=change + half,
        method="bound" if "bound" in noises else "sampling",
    )


def change_variance(before: Matrix, after: Matrix, k: int | None = None) -> float:
    """Variance of the relative change when the same problems are sampled again, to first order:
    r^2 (var(after) / after^2 + var(before) / before^2) for the ratio r of two independent means.

    Args:
        before: token counts of the first model.
        after: token counts of the second model.
        k: samples a problem; None takes those that there are.
    """
    relative = 0.0
    for lengths in (before, after):
        value = float(np.mean(_means(lengths)))
        least = min(len(row) for row in lengths)
        more = least / k if k else 1.0
        relative += stats.sampling_noise(lengths).variance * more / value**2
    ratio = float(np.mean(_means(after)) / np.mean(_means(before)))
    return ratio**2 * relative


def _means(lengths: Sequence[Sequence[float]]) -> Array:
    return stats.problem_means(lengths)
