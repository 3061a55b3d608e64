"""Everything the plan says about one run, as data: `action=plan` prints it, format=json gives it to
scripts, and plan.json in the run's directory lets the report hold it against what was spent."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.cards import Card, Cost, load_card
from harness.chain import Leg, legs
from harness.plan.batches import Batches, batches, planned_steps
from harness.plan.changes import Change, cheapest_change
from harness.plan.decide import Decision, decisions
from harness.plan.hours.stages import StageHours, stage_hours
from harness.plan.hours.workload import known_steps
from harness.plan.interval import Interval, total
from harness.plan.memory import Memory, memory
from harness.rundir import identity, run_name
from harness.spec import RunSpec

FILE = "plan.json"
"""In the run's directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """One training of the run: its batches, its steps, and whether it fits."""

    stage: str
    """Empty for a run that trains once."""
    starts_from: str
    batches: Batches
    steps: int | None
    """Null when the rows are known after prepare only, and the card does not give them either."""
    steps_are_exact: bool
    """Whether they do not rest on the card's number of rows."""
    optimizer_updates: int | None
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a run, or several, take in all; null where a part of it is not known."""

    hours: Interval | None
    gpu_hours: Interval | None
    usd: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one GPU costs for an hour."""

    usd_per_gpu_hour: float
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The plan of one run."""

    name: str
    identity: str
    repro: str | None
    hardware: str
    gpus: int
    trainings: list[TrainingPlan]
    change: Change | None
    """The cheapest change under which all of them fit; null where they do, or none was found."""
    stages: list[StageHours]
    total: Totals
    price: Price | None
    decisions: list[Decision]
    reported: list[str]
    """What upstream says its own runs took, in words."""

    @property
    def fits(self) -> bool:
        """Whether every training is expected to fit into GPU memory."""
        return all(training.memory.verdict != "does not fit" for training in self.trainings)


def plan(spec: RunSpec) -> RunPlan:
    """The plan of one run."""
    hardware, stages, trainings = spec.hardware, stage_hours(spec), legs(spec)
    card = load_card(spec.repro) if spec.repro else None
    price = hardware.usd_per_gpu_hour
    return RunPlan(
        name=run_name(spec),
        identity=identity(spec),
        repro=spec.repro,
        hardware=hardware.name,
        gpus=hardware.nodes * hardware.gpus_per_node,
        trainings=[_training(leg) for leg in trainings],
        change=cheapest_change([leg.spec for leg in trainings]),
        stages=stages,
        total=_of_stages(stages),
        price=Price(usd_per_gpu_hour=price, source=hardware.price_source) if price else None,
        decisions=_decisions(spec, card) if card and not spec.miniature else [],
        reported=[_reported(cost) for cost in card.hardware] if card and not spec.miniature else [],
    )


def together(plans: Sequence[RunPlan]) -> Totals:
    """What several runs take, one after the other; null where one of them is not known."""
    return Totals(
        hours=_sum([found.total.hours for found in plans]),
        gpu_hours=_sum([found.total.gpu_hours for found in plans]),
        usd=_sum([found.total.usd for found in plans]),
    )


def as_json(found: RunPlan) -> dict[str, Any]:
    """The plan as JSON values."""
    return asdict(found) | {"fits": found.fits}


def sweep_json(plans: Sequence[RunPlan]) -> dict[str, Any]:
    """Several plans and their totals as JSON values."""
    return {"runs": [as_json(found) for found in plans], "total": asdict(together(plans))}


def _training(leg: Leg) -> TrainingPlan:
    step, steps = batches(leg.spec), known_steps(leg.spec)
    return TrainingPlan(
        stage=leg.name,
        starts_from=leg.spec.starts_from or "model",
        batches=step,
        steps=steps,
        steps_are_exact=steps == planned_steps(leg.spec),
        optimizer_updates=None if steps is None else steps * step.optimizer_updates,
        memory=memory(leg.spec),
    )


def _decisions(spec: RunSpec, card: Card) -> list[Decision]:
    own = card.of([spec.variant] if spec.variant else [])
    claims = [claim for claim in own.claims if claim.about == "trained"]
    return decisions(claims, legs(spec)[-1].spec, own.released_model)


def _reported(cost: Cost) -> str:
    gpus = f"{cost.gpus or 'an unknown number of'} {cost.gpu or 'GPU (kind not named)'}"
    time = f"{cost.hours:g} h" if cost.hours else "hours not stated"
    words = ", ".join(filter(None, [gpus, time, cost.cost]))
    return f"{words} ({cost.note})" if cost.note else words


def _of_stages(stages: Sequence[StageHours]) -> Totals:
    return Totals(
        hours=_sum([stage.hours for stage in stages]),
        gpu_hours=_sum([stage.gpu_hours for stage in stages]),
        usd=_sum([stage.usd for stage in stages]),
    )


def _sum(parts: Sequence[Interval | None]) -> Interval | None:
    known = [part for part in parts if part is not None]
    return total(known) if known and len(known) == len(parts) else None
