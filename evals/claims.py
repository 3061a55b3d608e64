"""Our samples in the terms of a published number; read by evals/verdicts.py.

Claims carry percents, as they are published; everything measured here is a share (0..1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from evals import stats
from evals.claimed import Protocol, Statistic
from evals.voting import Votes, drawn_majority, majority_at


@dataclass(frozen=True, slots=True, kw_only=True)
class OurScore:
    """Our samples of one model on one benchmark."""

    protocol: Protocol
    samples: stats.Matrix
    """0/1 for each sample of each problem."""
    answers: Sequence[Sequence[str | None]] | None = None
    """Extracted answers in the same shape; needed for maj@k only."""

    @property
    def greedy(self) -> bool:
        """Decoded greedily: more samples are copies, so only the first one counts."""
        return self.protocol.temperature == 0

    @property
    def k(self) -> int:
        """Samples per problem that count.

        Raises:
            ValueError: problems have different numbers of samples.
        """
        counts = {len(row) for row in self.samples}
        if len(counts) != 1:
            raise ValueError(
                f"every problem needs the same number of samples, got {sorted(counts)}"
            )
        return 1 if self.greedy else counts.pop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A statistic of our samples, and the noise that it has with any number of samples."""

    value: float
    k: int
    """Samples per problem; 1 for greedy decoding, whose repeats are copies."""
    problems: int
    width: int
    draw_variance: float
    """Variance of one draw within a problem, averaged over problems."""
    greedy: bool
    """Decoded greedily: more samples are copies."""
    bound: bool
    """The variance is only known not to be larger, as there is one sample a problem."""

    def variance(self, k: int) -> float:
        """Sampling variance of the score with k samples a problem.

        Exact for avg@k. A mean over all subsets of `width` samples has at most width / k times the
        variance of one subset (Hoeffding 1948), so it is an upper bound for pass@k and maj@k.
        """
        return self.draw_variance * self.width / (max(k, self.width) * self.problems)


def measure(ours: OurScore, statistic: Statistic) -> Measured:
    """The statistic of our samples.

    Raises:
        ValueError: problems have different numbers of samples, fewer than the statistic needs, or a
            vote is asked for without the extracted answers.
    """
    k, width = ours.k, statistic.width
    rows = [row[:k] for row in ours.samples]
    if statistic.kind == "avg":
        value, noise = float(np.mean(rows)), stats.sampling_noise(rows)
        draws, bound = noise.variance * k * len(rows), noise.method == "bound"
    elif statistic.kind == "pass":
        right = [int(sum(row)) for row in rows]
        value = float(np.mean([stats.pass_at(k, number, width) for number in right]))
        draws, bound = float(np.mean([pass_variance(k, r, width) for r in right])), False
    else:
        votes = ballots(ours, rows)
        value = float(np.mean([majority_at(vote, width) for vote in votes]))
        chances = np.array([drawn_majority(vote, width) for vote in votes])
        draws, bound = float(np.mean(chances * (1 - chances))), False
    least = width / (k * len(rows))  # one sample's worth, as in stats.sampling_noise
    return Measured(
        value=value,
        k=k,
        problems=len(rows),
        width=width,
        draw_variance=max(draws, least),
        greedy=ours.greedy,
        bound=bound,
    )


def pass_variance(samples: int, right: int, width: int) -> float:
    """Expected variance of "a right one among `width` fresh samples", q (1 - q).

    The mean over the posterior of the chance p under Jeffreys' prior, Beta(right + 1/2, wrong +
    1/2), where E[(1 - p)^m] is a product. The observed share alone would say that a problem never
    solved in k samples has no noise in pass@k, where it has the most.
    """
    wrong = samples - right + 0.5

    def all_wrong(draws: int) -> float:
        steps = np.arange(draws)
        return float(np.prod((wrong + steps) / (samples + 1 + steps)))

    return all_wrong(width) - all_wrong(2 * width)


def ballots(ours: OurScore, rows: stats.Matrix) -> list[Votes]:
    """Answers and scores of each problem."""
    if ours.answers is None:
        raise ValueError("a majority vote needs the extracted answers of all samples")
    return [Votes(answers, row) for answers, row in zip(ours.answers, rows, strict=True)]


def compare_protocols(claimed: Protocol, ours: Protocol) -> tuple[list[str], list[str]]:
    """What differs, in words, and the names of the fields that one side does not state."""
    differing, unknown = [], []
    for field in fields(Protocol):
        theirs, mine = getattr(claimed, field.name), getattr(ours, field.name)
        if field.name == "top_p" and claimed.temperature == ours.temperature == 0:
            continue
        if field.name == "budget_text" and theirs is mine is None:
            continue
        if theirs is None or mine is None:
            unknown.append(field.name)
        elif not same(theirs, mine):
            differing.append(f"{field.name}: {theirs} claimed, {mine} here")
    return differing, unknown


def same(left: str | float, right: str | float) -> bool:
    """Equal as numbers up to rounding, or as names up to case and space."""
    if isinstance(left, str) or isinstance(right, str):
        return str(left).casefold().split() == str(right).casefold().split()
    return math.isclose(left, right, rel_tol=1e-9)
