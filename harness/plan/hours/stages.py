"""Hours, GPU-hours and cost of every stage of a run, each as an interval; `action=plan` shows them
and the report holds them against what was spent."""

from dataclasses import dataclass, fields
from math import ceil

from harness.chain import Leg, legs
from harness.fit import misfits
from harness.plan.hours.calibration import HOUR, correction
from harness.plan.hours.decode import room_gb
from harness.plan.hours.evaluating import (
    evaluation_machine,
    evaluation_seconds,
    monitor_seconds,
    responses,
    validation_seconds,
)
from harness.plan.hours.lengths import expected_lengths, measured_tokens
from harness.plan.hours.passes import save_seconds
from harness.plan.hours.steps import StepTime, step_time
from harness.plan.hours.throughput import throughput
from harness.plan.hours.workload import Machine, machine, workload
from harness.plan.interval import Interval, certain, total
from harness.plan.shape import shape_of
from harness.plan.tables import amount, plural
from harness.rules import processes
from harness.spec import RunSpec

CONTROL = "control"
SPEED = ("gpu_mem_gb", "bf16_tflops", "memory_gb_per_s")
"""Fields of hardware without which there is no estimate."""
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
        found.insert(0, measuring(trainings[-1].spec, CONTROL, models=1))
    return found


def measuring(spec: RunSpec, name: str, *, models: int) -> StageHours:
    """Hours of drawing the responses of a run's protocol for some models.

    Args:
        spec: the run as its last training sees it.
        name: the stage's.
        models: how many are measured, one after the other.
    """
    place = evaluation_machine(spec, apart=name != CONTROL)
    if place is None:
        return _unknown(spec, name, _no_facts(spec))
    if spec.backend.engine in ELSEWHERE:
        return _unknown(spec, name, f"backend={spec.backend.name} generates elsewhere")
    shape = shape_of(spec.model.path, spec.model.parameters_b)
    if room_gb(shape, place) <= 0:
        return _unknown(spec, name, _no_room(place))
    seconds = evaluation_seconds(spec, shape, place, throughput()).times(models)
    lengths, count = measured_tokens(spec), responses(spec)
    note = (
        f"{plural(models, 'model')}, {plural(count, 'response')} each, of about "
        f"{amount(lengths.response_tokens.mid)} tokens (the protocol allows {lengths.limit:,})"
    )
    return _stage(spec, name, place.gpus, seconds, note)


def _no_room(place: Machine) -> str:
    gpus, share = plural(place.tensor_parallel, "GPU"), f"{place.memory_fraction:.0%}"
    return f"the model's weights are more than {share} of the memory of {gpus}"


def _training(leg: Leg) -> StageHours:
    spec, sits, work = leg.spec, machine(leg.spec), workload(leg.spec, leg.name)
    name = f"train {leg.name}".strip()
    if sits is None:
        return _unknown(spec, name, _no_facts(spec))
    if work is None:
        return _unknown(spec, name, "its number of steps is known after prepare")
    if any(misfits(spec)):
        return _unknown(spec, name, "the models are larger than the GPUs' memory")
    facts = throughput()
    step = step_time(work, sits, facts)
    saves = ceil(work.steps / spec.schedule.save_every)
    saving = facts.slowdown * saves * save_seconds(work, sits, facts)
    validating = validation_seconds(spec, work, sits, facts)
    watching = monitor_seconds(spec, work, sits, facts)
    seconds = total([step.total.times(work.steps), validating, watching, certain(saving)])
    lengths = expected_lengths(spec, leg.name)
    note = (
        f"{plural(work.steps, 'step')} of about {_seconds(step)}; responses of about "
        f"{amount(lengths.response_tokens.mid)} tokens ({lengths.source})"
    )
    return _stage(spec, name, processes(spec), seconds, note, step)


def _seconds(step: StepTime) -> str:
    """210 s (generate 110, log_probs 35, ...)."""
    parts = ((field.name, getattr(step, field.name).mid) for field in fields(step))
    said = ", ".join(f"{name} {amount(seconds)}" for name, seconds in parts if seconds)
    return f"{amount(step.total.mid)} s ({said})"


def _stage(
    spec: RunSpec, name: str, gpus: int, seconds: Interval, note: str, step: StepTime | None = None
) -> StageHours:
    """A stage from its seconds at short, expected and long responses."""
    own, price = correction(spec), spec.hardware.usd_per_gpu_hour
    hours = seconds.times(own.factor / HOUR).widened(own.spread)
    if own.runs:
        runs = plural(own.runs, "measured training")
        note += f"; times {own.factor:.2f} after {runs} on this GPU"
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
    hardware = spec.hardware
    missing = [f"hardware.{name}" for name in SPEED if getattr(hardware, name) is None]
    where = f"nothing is known about the speed of hardware={hardware.name}"
    if hardware.device == "cpu":
        return where
    return f"{where}: set {', '.join(missing)}, or take them from conf/hardware/gpu"
