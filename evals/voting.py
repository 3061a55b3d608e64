"""Majority votes over extracted answers, as pure functions; read by evals/stats.py.

Votes go by the answer's text, so write equal answers alike before (a grader's canonical form). A
response without an answer does not vote but is one of the k that were drawn. A tie is broken by
chance: the score of a vote is the mean over the tied winners.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from evals.intervals import Array


@dataclass(frozen=True, slots=True)
class Votes:
    """The samples of one problem: extracted answers (None where there is none) and scores."""

    answers: Sequence[str | None]
    scores: Sequence[float]


def ballot(votes: Votes) -> tuple[list[int], list[float], int]:
    """Number of votes of each answer, its score, and the number of samples that do not vote.

    Samples with one answer that were scored differently (a grader that reads more than the answer)
    share their mean score.
    """
    if len(votes.answers) != len(votes.scores):
        raise ValueError(
            f"got {len(votes.answers)} answers and {len(votes.scores)} scores; give one of each "
            "for every sample"
        )
    counts = Counter(answer for answer in votes.answers if answer is not None)
    worth = dict.fromkeys(counts, 0.0)
    for answer, score in zip(votes.answers, votes.scores, strict=True):
        if answer is not None:
            worth[answer] += score / counts[answer]
    return list(counts.values()), list(worth.values()), len(votes.answers) - counts.total()


def majority_at(votes: Votes, k: int) -> float:
    """Expected score of the vote among k samples drawn without replacement, over all subsets.

    Exact: for each number of votes m of the winner, the ways to draw the answers with none above m
    are counted by multiplying one polynomial per answer (exponent: samples drawn). Two tables run
    along: the ways, and the ways weighted with the winners' scores, both by number of tied winners.
    """
    counts, worth, silent = ballot(votes)
    samples = sum(counts) + silent
    if not 1 <= k <= samples:
        raise ValueError(f"maj@{k} needs k from 1 to the number of samples, here {samples}")
    if k == samples:
        top = max(counts, default=0)
        winners = [w for count, w in zip(counts, worth, strict=True) if count == top]
        return float(np.mean(winners)) if winners else 0.0
    quiet = np.array([comb(silent, k - drawn) for drawn in range(k + 1)], dtype=float)
    total = 0.0
    for most in range(1, min(k, max(counts, default=0)) + 1):
        scored = scored_ways(counts, worth, most, k)
        ties = np.arange(1, scored.shape[1])
        total += float(np.sum(quiet[:, None] * scored[:, 1:] / ties))
    return total / comb(samples, k)


def scored_ways(counts: Sequence[int], worth: Sequence[float], most: int, k: int) -> Array:
    """Ways to draw [samples, tied winners] with `most` votes a winner, times their scores."""
    ways = np.zeros((k + 1, k // most + 1))
    ways[0, 0] = 1.0
    scored = np.zeros_like(ways)
    for count, score in zip(counts, worth, strict=True):
        losing = [float(comb(count, drawn)) for drawn in range(min(count, most - 1) + 1)]
        next_ways = sum(number * moved(ways, drawn, 0) for drawn, number in enumerate(losing))
        next_scored = sum(number * moved(scored, drawn, 0) for drawn, number in enumerate(losing))
        if count >= most:
            next_ways = next_ways + float(comb(count, most)) * moved(ways, most, 1)
            gained = moved(scored, most, 1) + score * moved(ways, most, 1)
            next_scored = next_scored + float(comb(count, most)) * gained
        ways, scored = np.asarray(next_ways), np.asarray(next_scored)
    return scored


def moved(table: Array, rows: int, columns: int) -> Array:
    """The table shifted down and to the right; what falls off is lost."""
    result = np.zeros_like(table)
    height, width = table.shape
    result[rows:, columns:] = table[: max(0, height - rows), : width - columns]
    return result


def drawn_majority(votes: Votes, k: int, *, draws: int = 500, seed: int = 0) -> float:
    """Expected score of the vote among k fresh samples, from the shares of the answers seen.

    Simulated (standard error below 0.023 with 500 draws); for the noise of a vote, which no subset
    of all samples can tell.
    """
    counts, worth, silent = ballot(votes)
    if not counts:
        return 0.0
    shares = np.array([*counts, silent], dtype=float)
    drawn = np.random.default_rng(seed).multinomial(k, shares / shares.sum(), size=draws)[:, :-1]
    winning = (drawn == drawn.max(axis=1, keepdims=True)) & (drawn > 0)
    votes_won = winning.sum(axis=1)
    score = (winning * np.asarray(worth)).sum(axis=1)
    return float(np.mean(score / np.maximum(votes_won, 1)))
