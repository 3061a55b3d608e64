"""Hours, GPU-hours and cost of every stage of a run, each as an interval; `action=plan` shows them
and the report holds them against what was spent."""

from dataclasses import dataclass
from math import ceil

from harness.chain import Leg, legs
from harness.plan.hours.calibration import correction
from harness.plan.hours.evaluating import evaluation_machine, evaluation_seconds, validation_seconds
from harness.plan.hours.lengths import expected_lengths
from harness.plan.hours.passes import save_seconds
from harness.plan.hours.steps import StepTime, step_time
from harness.plan.hours.throughput import throughput
from harness.plan.hours.workload import machine, workload
from harness.plan.interval import Interval, certain, total
from harness.plan.shape import shape_of
from harness.rules import processes
from harness.spec import RunSpec

HOUR = 3600.0
ELSEWHERE = ("openai", "lm_eval")
"""Back ends whose speed does not depend on this run's machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageHours:
    """What one stage of a run takes; the intervals hold in four cases of five, and are null where
    there is no estimate (the note says why) or no price."""

    name: str
    """As the pipeline calls it: control, train, train <stage>, evaluate."""
    gpus: int
    """GPUs that are held meanwhile."""
    hours: Interval | None
    gpu_hours: Interval | None
    usd: Interval | None
    step: StepTime | None
    """One step of a training, in seconds."""
    note: str
    """What the estimate rests on."""


def stage_hours(spec: RunSpec) -> list[StageHours]:
    """Hours of the control, of every training and of the evaluation, in the order they run."""
    trainings = legs(spec)
    found = [_training(leg) for leg in trainings]
    found.append(measuring(trainings[-1].spec, "evaluate", models=2))
    if spec.control.enabled:
        found.insert(0, measuring(trainings[-1].spec, "control", models=1))
    return found


def measuring(spec: RunSpec, name: str, *, models: int) -> StageHours:
    """Hours of drawing the responses of a run's protocol for some models.

    Args:
        spec: the run as its last training sees it.
        name: the stage's.
        models: how many are measured, one after the other.
    """
    sits = machine(spec)
    if sits is None:
        return _unknown(spec, name, _no_facts(spec))
    if spec.backend.engine in ELSEWHERE:
        return _unknown(spec, name, f"backend={spec.backend.name} generates elsewhere")
    place = evaluation_machine(spec, sits)
    shape = shape_of(spec.model.path, spec.model.parameters_b)
    seconds = evaluation_seconds(spec, shape, place, throughput()).times(models)
    note = f"{models} model{'s' * (models > 1)} on {len(spec.eval.benchmarks)} benchmark(s)"
    return _stage(spec, name, place.gpus, seconds, note)


def _training(leg: Leg) -> StageHours:
    spec, sits, work = leg.spec, machine(leg.spec), workload(leg.spec, leg.name)
    name = f"train {leg.name}".strip()
    if sits is None:
        return _unknown(spec, name, _no_facts(spec))
    if work is None:
        return _unknown(spec, name, "its number of steps is known after prepare")
    facts = throughput()
    step = step_time(work, sits, facts)
    saves = ceil(work.steps / spec.schedule.save_every)
    saving = facts.slowdown * saves * save_seconds(work, sits, facts)
    validating = validation_seconds(spec, work, sits, facts)
    seconds = total([step.total.times(work.steps), validating, certain(saving)])
    lengths = expected_lengths(spec, leg.name)
    note = (
        f"{work.steps:,} steps of about {step.total.mid:.0f} s; responses of about "
        f"{lengths.response_tokens.mid:,.0f} tokens ({lengths.source})"
    )
    return _stage(spec, name, processes(spec), seconds, note, step)


def _stage(
    spec: RunSpec, name: str, gpus: int, seconds: Interval, note: str, step: StepTime | None = None
) -> StageHours:
    """A stage from its seconds at short, expected and long responses."""
    own, price = correction(spec), spec.hardware.usd_per_gpu_hour
    hours = seconds.times(own.factor / HOUR).widened(own.spread)
    if own.runs:
        note += f"; times {own.factor:.2f} after {own.runs} measured training(s) on this GPU"
    gpu_hours = hours.times(gpus)
    return StageHours(
        name=name,
        gpus=gpus,
        hours=hours,
        gpu_hours=gpu_hours,
        usd=gpu_hours.times(price) if price else None,
        step=step,
        note=note,
    )


def _unknown(spec: RunSpec, name: str, reason: str) -> StageHours:
    return StageHours(
        name=name,
        gpus=processes(spec),
        hours=None,
        gpu_hours=None,
        usd=None,
        step=None,
        note=f"not estimated: {reason}",
    )


def _no_facts(spec: RunSpec) -> str:
    return f"nothing is known about the speed of hardware={spec.hardware.name}"
