"""A published number and our samples in the same terms; read by evals/verdicts.py and the plan.

Claims carry percents, as they are published; everything measured here is a share (0..1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from evals import METRIC, planning, stats
from evals.voting import Votes, drawn_majority, majority_at

SMALLEST_MARGIN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What two scores must share to be comparable; None is a field that is not stated."""

    benchmark: str
    problems: int | None
    """Problems in the test set: AMC 2023 means 40 to some and 83 to others."""
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    template: str | None
    grader: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedScore:
    """One published number."""

    percent: float
    """0..100, as published: 43.1."""
    metric: str
    """avg@k, pass@k, maj@k (or mean@k, cons@k), accuracy or greedy."""
    samples_per_problem: int | None
    """k; None takes the k of the metric, and if that has none, one sample is assumed."""
    protocol: Protocol
    source: str
    """Where it is published."""

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError(f"a claim is a percentage from 0 to 100, got {self.percent}")

    @property
    def share(self) -> float:
        """The number as a share."""
        return self.percent / 100


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
class Statistic:
    """What a metric computes from samples."""

    kind: Literal["avg", "pass", "maj"]
    width: int
    """Samples that one draw of it consumes: 1 for avg, k for pass@k and maj@k."""


def read_metric(metric: str) -> tuple[Statistic, int | None]:
    """The statistic behind a metric's name, and the samples per problem that the name tells.

    Raises:
        ValueError: the name is not one of avg@k, mean@k, pass@k, maj@k, cons@k, accuracy, greedy.
    """
    found = METRIC.fullmatch(metric.strip().lower())
    if not found:
        raise ValueError(
            f"{metric!r} is no metric that samples give; there are avg@k, mean@k, pass@k, maj@k, "
            "cons@k, accuracy and greedy"
        )
    name, k = found.group(1), int(found.group(2) or 1)
    if name in ("avg", "mean"):
        return Statistic(kind="avg", width=1), k
    if k == 1:
        return Statistic(kind="avg", width=1), None
    return Statistic(kind="pass" if name == "pass" else "maj", width=k), None


def claimed_k(claim: ClaimedScore, statistic: Statistic) -> int | None:
    """Samples per problem behind the claim; None when it does not tell."""
    if claim.protocol.temperature == 0:
        return 1
    if claim.samples_per_problem or statistic.kind == "avg":
        return claim.samples_per_problem or read_metric(claim.metric)[1]
    return None


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


def default_margin(problems: int) -> float:
    """Differences that do not matter: one problem of the set or two points, the larger one."""
    return max(1 / problems, SMALLEST_MARGIN)


def expected_k(
    claim: ClaimedScore, problems: int, *, run_sd: float | None = None, margin: float | None = None
) -> int | None:
    """Samples per problem with which an equal model is called reproduced with 80 % power.

    Args:
        claim: the number to compare with; its own samples set the noise that cannot be reduced.
        problems: problems of the benchmark.
        run_sd: standard deviation of a one-sample run as a share, for example an independent one
            (evals/independent.py); None takes the upper bound at the claimed accuracy.
        margin: share that does not matter; None takes `default_margin`.

    Returns:
        None when the claim's own noise is too large: no number of samples can reproduce it.
    """
    statistic, _ = read_metric(claim.metric)
    width = statistic.width
    sd = planning.largest_run_sd(claim.share, problems) if run_sd is None else run_sd
    claim_variance = sd**2 * width / max(width, claimed_k(claim, statistic) or width)
    k = planning.samples_to_reproduce(
        sd * width**0.5,
        default_margin(problems) if margin is None else margin,
        claim_variance,
    )
    return None if k is None else max(k, width)
