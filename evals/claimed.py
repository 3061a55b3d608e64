"""A published number: what it says, under which protocol, and what it takes to decide it; read by
evals/claims.py, the cards and the plan, which must start fast: nothing heavy is imported here."""

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import PositiveInt

from evals import METRIC, planning
from evals.job import Frozen

SMALLEST_MARGIN = 0.02
Axis = Literal["prompt_budget", "limit", "mean_tokens"]
AXES: tuple[Axis, ...] = get_args(Axis)


class Place(Frozen):
    """Where on a length-accuracy curve a number stands."""

    x: Axis
    """prompt_budget: the budget that the prompt asks for; limit: the longest response that is
    let count; mean_tokens: how long the responses are on average."""
    tokens: PositiveInt
    """How many."""

    @property
    def in_words(self) -> str:
        """After a metric: at a budget of 512 tokens."""
        kind = {"prompt_budget": "a budget", "limit": "a limit", "mean_tokens": "a mean length"}
        return f"at {kind[self.x]} of {self.tokens:,} tokens"


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
    budget_text: str | None = None
    """The text that asks for a budget, with {tokens}; None where none is asked for as well."""


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
class ClaimedLength:
    """One published change of the mean response length."""

    percent: float
    """Relative change from the base model to the trained one: -50 is half as long."""
    tolerance: float
    """Points of relative change that do not matter."""
    samples_per_problem: int | None
    """k; None assumes one sample."""
    protocol: Protocol

    @property
    def share(self) -> float:
        """The change as a share."""
        return self.percent / 100


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
