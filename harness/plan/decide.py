"""How many samples a problem decide a published claim: the plan compares it with what the run's
evaluation draws. Pure functions over a card and a protocol."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.benchmarks import describe, names
from evals.claimed import expected_k, read_metric
from evals.independent import independent_score
from evals.planning import largest_run_sd
from harness.cards import Claim
from harness.plan.hours.stages import StageHours, measuring
from harness.spec import Benchmark, PromptBudgets, RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What deciding one claim takes."""

    benchmark: str
    metric: str
    at: str
    """Where on a curve the claim stands, in words; empty where on none."""
    percent: float
    """The claim."""
    problems: int
    """Problems of the benchmark here."""
    k: int
    """Samples per problem that the run's protocol draws."""
    k_needed: int | None
    """Samples per problem with which an equal model is called reproduced four times in five; null
    when no number of samples can, because the claim's own samples are too few."""
    run_sd: float
    """Standard deviation of a one-sample run, as a share."""
    run_sd_from: str
    """Where that comes from."""
    cost: StageHours | None
    """Drawing k_needed samples once, or k where none is enough; null where it is not known."""


def decisions(claims: Sequence[Claim], spec: RunSpec, released: str | None) -> list[Decision]:
    """One for every score, and every point of a curve, that the run's protocol measures.

    A claim about response lengths has none: how much they vary is not known before.

    Args:
        claims: a card's.
        spec: the run, as its last training sees it.
        released: hub id of the weights that the claims are about; a third party may have measured
            how much runs of it differ.
    """
    drawn = {benchmark.name: benchmark for benchmark in spec.eval.benchmarks}
    return [
        _decision(claim, drawn[claim.benchmark], spec, released)
        for claim in claims
        if claim.benchmark in drawn and claim.benchmark in names() and _measured(claim, spec)
    ]


def _measured(claim: Claim, spec: RunSpec) -> bool:
    """Whether the run's protocol draws what a claim is about."""
    asked = spec.eval.budgets.tokens if spec.eval.budgets else []
    if claim.kind == "length":
        return False
    if claim.at is None or claim.at.x == "limit":
        return not asked
    return claim.at.x == "mean_tokens" or claim.at.tokens in asked


def _decision(claim: Claim, drawn: Benchmark, spec: RunSpec, released: str | None) -> Decision:
    problems, asked = describe(claim.benchmark).rows, claim.score
    measured = independent_score(released, claim.benchmark) if released else None
    sd = measured.sd if measured else largest_run_sd(asked.share, problems)
    # A width above 1 (pass@k, maj@k) has another noise than one sample's: expected_k bounds it.
    narrow = read_metric(claim.metric)[0].width == 1
    needed = expected_k(asked, problems, run_sd=sd if narrow else None)
    k = needed or drawn.samples_per_problem
    once = drawn.model_copy(update={"samples_per_problem": k})
    protocol = spec.eval.model_copy(update={"benchmarks": [once], "budgets": _one(claim, spec)})
    return Decision(
        benchmark=claim.benchmark,
        metric=claim.metric,
        at=claim.at.in_words if claim.at else "",
        percent=claim.value,
        problems=problems,
        k=drawn.samples_per_problem,
        k_needed=needed,
        run_sd=sd,
        run_sd_from="measured over seeds" if measured else "an upper bound",
        cost=measuring(spec.model_copy(update={"eval": protocol}), "decide", models=1),
    )


def _one(claim: Claim, spec: RunSpec) -> PromptBudgets | None:
    """The budgets of the protocol, without those that the claim is not about."""
    budgets = spec.eval.budgets
    if budgets is None or claim.at is None or claim.at.x != "prompt_budget":
        return budgets
    return budgets.model_copy(update={"tokens": [claim.at.tokens]})
