"""Planned against spent: plan.json and the event log of a run, stage by stage; summary.py reads
it."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from evals.job import Frozen
from harness.report.read import Json, TrainingFiles, listed, mapping
from harness.report.render import hours, is_number, number, usd

Outcome = Literal["done", "failed", "killed", "running"]


class Span(Frozen):
    """An estimate with its interval."""

    low: float
    mid: float
    high: float


class Planned(Frozen):
    """What a plan said of a stage, or of all."""

    hours: Span | None = None
    gpu_hours: Span | None = None
    usd: Span | None = None
    gpus: int | None = None
    """GPUs that the stage holds."""


class AttemptTime(Frozen):
    """One attempt at a stage."""

    attempt: int | None
    seconds: float | None
    """Wall-clock time; null where the attempt was killed and nothing tells when."""
    outcome: Outcome
    note: str
    """What the stage said, or why it ended."""


class StageSpent(Frozen):
    """One stage of a run: planned and spent."""

    name: str
    planned: Planned | None
    attempts: list[AttemptTime]
    hours: float | None
    """Of all attempts; null where it never started."""
    gpu_hours: float | None
    """Null without GPUs."""
    usd: float | None
    """Null without GPUs or price."""


class Spending(Frozen):
    """Planned against spent."""

    stages: list[StageSpent]
    total: StageSpent
    finding: str
    """Planned against spent in words."""
    planned: bool
    """Whether the plan has hours to hold against those spent."""
    gpus: int | None
    """GPUs that the run holds; null without GPUs."""
    usd_per_gpu_hour: float | None
    price_source: str | None


def spending(plan: Json, events: Iterable[Json], hardware: Json) -> Spending:
    """What each stage was planned to take and took.

    Args:
        plan: the content of plan.json; empty where nothing was planned.
        events: of the run, see events_in_time.
        hardware: of the frozen RunSpec.
    """
    gpus = _gpus(hardware)
    priced = mapping(plan.get("price"))
    stated = priced.get("usd_per_gpu_hour", hardware.get("usd_per_gpu_hour"))
    price = float(stated) if is_number(stated) else None
    source = priced.get("source", hardware.get("price_source"))
    planned = {
        str(stage["name"]): _planned(stage)
        for stage in map(mapping, listed(plan.get("stages")))
        if "name" in stage
    }
    attempts = attempt_times(events)
    names = [*attempts, *(name for name in planned if name not in attempts)]
    stages = [
        _stage(name, planned.get(name), attempts.get(name, []), gpus, price) for name in names
    ]
    every = [one for found in attempts.values() for one in found]
    whole = _planned(mapping(plan.get("total"))) if plan else None
    total = _sum_of(stages, _stage("all", whole, every, None, None))
    open_ended = any(one.seconds is None and one.outcome == "killed" for one in every)
    return Spending(
        stages=stages,
        total=total,
        finding=_finding(stages, total, planned=bool(plan), at_least=open_ended),
        planned=any(one.planned and one.planned.hours for one in [*stages, total]),
        gpus=gpus,
        usd_per_gpu_hour=price,
        price_source=str(source) if source else None,
    )


def events_in_time(events: Sequence[Json], trainings: Sequence[TrainingFiles]) -> list[Json]:
    """The events of a run with those of a chain's trainings, which tell how long a killed attempt
    was at work."""
    inner = [event for training in trainings if training.name for event in training.events]
    if not inner:
        return list(events)
    return sorted([*events, *inner], key=lambda event: _time(event) or 0.0)


def _time(event: Json) -> float | None:
    return event["time"] if is_number(event.get("time")) else None


def attempt_times(events: Iterable[Json]) -> dict[str, list[AttemptTime]]:
    """Stage -> its attempts, in order; one that was killed lasts until its last event, if that is
    not its first one, too."""
    found: dict[str, list[AttemptTime]] = {}
    begin: Json | None = None
    last: Json = {}

    def close(end: Json) -> None:
        stage = str(end.get("stage") or mapping(begin).get("stage") or "unknown")
        found.setdefault(stage, []).append(_attempt(begin or {}, end))

    def cut_off(kind: str) -> Json:
        seen = None if last is begin else last.get("time")
        return {"kind": kind, "time": seen, "attempt": mapping(begin).get("attempt")}

    for event in events:
        kind = event.get("kind")
        if kind in ("stage_done", "failed"):
            close(event)
            begin = None
        elif kind == "ended" and begin:
            close({**event, "stage": None})
            begin = None
        elif kind in ("run_started", "stage_started") and begin:
            close(cut_off("killed"))
            begin = None
        if kind == "stage_started":
            begin = event
        last = event
    if begin:
        close(cut_off("running"))
    return found


OUTCOMES: dict[Any, Outcome] = {
    "stage_done": "done",
    "failed": "failed",
    "ended": "failed",
    "running": "running",
}


def _attempt(begin: Json, end: Json) -> AttemptTime:
    """One attempt from the event that began it and the one that ended it."""
    seconds, start, stop = end.get("seconds"), begin.get("time"), end.get("time")
    if not is_number(seconds) and is_number(start) and is_number(stop):
        seconds = stop - start
    number = end.get("attempt")
    return AttemptTime(
        attempt=number if isinstance(number, int) else None,
        seconds=seconds if is_number(seconds) and seconds >= 0 else None,
        outcome=OUTCOMES.get(end.get("kind"), "killed"),
        note=str(end.get("note") or end.get("reason") or ""),
    )


def _stage(
    name: str,
    planned: Planned | None,
    attempts: list[AttemptTime],
    gpus: int | None,
    price: float | None,
) -> StageSpent:
    known = [one.seconds for one in attempts if one.seconds is not None]
    held = planned.gpus if planned and planned.gpus and gpus else gpus
    took = sum(known) / 3600 if known else None
    gpu_hours = took * held if took is not None and held else None
    return StageSpent(
        name=name,
        planned=planned,
        attempts=attempts,
        hours=took,
        gpu_hours=gpu_hours,
        usd=gpu_hours * price if gpu_hours is not None and price is not None else None,
    )


def _sum_of(stages: Sequence[StageSpent], total: StageSpent) -> StageSpent:
    """The total with what its stages cost, which may hold different numbers of GPUs."""
    gpu_hours = [stage.gpu_hours for stage in stages if stage.gpu_hours is not None]
    cost = [stage.usd for stage in stages if stage.usd is not None]
    update: dict[str, Any] = {
        "gpu_hours": sum(gpu_hours) or None,
        "usd": sum(cost) or None,
        "attempts": [],
    }
    return total.model_copy(update=update)


def _finding(
    stages: Sequence[StageSpent], total: StageSpent, *, planned: bool, at_least: bool
) -> str:
    """What all stages took, and those that have a plan against it."""
    if total.hours is None:
        return "Nothing was spent that the event log tells of."
    spent = [hours(total.hours)]
    spent += [f"{number(total.gpu_hours, digits=3)} GPU-hours"] if total.gpu_hours else []
    spent += [usd(total.usd)] if total.usd else []
    said = f"Took {'at least ' if at_least else ''}{', '.join(spent)}"
    expected = {one.name: one.planned.hours for one in stages if one.planned and one.planned.hours}
    if not expected:
        return f"{said}; {'the plan has no estimate of its hours' if planned else 'not planned'}."
    low, high = (sum(getattr(one, end) for one in expected.values()) for end in ("low", "high"))
    plan = f"the plan of {hours(low)} to {hours(high)} for {', '.join(expected)}"
    took = {one.name: one.hours for one in stages if one.name in expected and _done(one)}
    if missing := [name for name in expected if took.get(name) is None]:
        return f"{said}; {', '.join(missing)} not done, so {plan} is not held against it."
    mine = sum(time for time in took.values() if time is not None)
    word = "less than" if mine < low else "more than" if mine > high else "within"
    return f"{said}; {hours(mine)} of it {word} {plan}."


def _done(stage: StageSpent) -> bool:
    """Whether its last attempt reached its end."""
    return bool(stage.attempts) and stage.attempts[-1].outcome == "done"


def _planned(stage: Json) -> Planned:
    return Planned(
        hours=_span(stage.get("hours")),
        gpu_hours=_span(stage.get("gpu_hours")),
        usd=_span(stage.get("usd")),
        gpus=gpus if isinstance(gpus := stage.get("gpus"), int) else None,
    )


def _span(value: object) -> Span | None:
    found = mapping(value)
    ends = [found.get("low"), found.get("mid"), found.get("high")]
    if not all(map(is_number, ends)):
        return None
    return Span(low=found["low"], mid=found["mid"], high=found["high"])


def _gpus(hardware: Json) -> int | None:
    """GPUs of a run; None on a laptop and where the record does not tell."""
    nodes, gpus = hardware.get("nodes"), hardware.get("gpus_per_node")
    if hardware.get("device") == "cpu" or not isinstance(nodes, int) or not isinstance(gpus, int):
        return None
    return nodes * gpus
