"""Many runs, each read once and lightly: state, configuration, curves, time and scores; the sweep
page and the leaderboard read them. A damaged file is the problem of its run alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from evals.scores import ModelScore, Scores
from harness.chain import STAGES_FOLDER
from harness.report.read import (
    EVALUATION,
    PLAN,
    Json,
    TrainingFiles,
    listed,
    mapping,
    read_events,
    read_json,
    stage_names,
)
from harness.report.run.learning import Point, learning
from harness.report.run.spending import events_in_time, spending
from harness.submit.collect import Measured, Result, result_of
from harness.submit.decide import RunState

REWARD, ACCURACY, LENGTH = "Reward", "Accuracy in training", "Response length, tokens"
"""Titles of the curves (learning.py) that are compared between runs."""
NOT_OURS = ("base", "released")
"""Labels of models that a run did not train."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyRun:
    """One run among many."""

    result: Result
    spec: Json
    """As frozen in run.json; empty where that cannot be read."""
    trains: bool
    """False for an evaluation by itself."""
    overrides: tuple[str, ...] = ()
    """Fields that the command line set."""
    curves: dict[str, list[Point]] = field(default_factory=dict)
    """REWARD, ACCURACY or LENGTH -> step and value, thinned as on the run's page."""
    hours: float | None = None
    """Wall-clock hours of all stages and attempts; null where the log does not tell."""
    gpu_hours: float | None = None
    """Null without GPUs."""
    problems: tuple[str, ...] = ()
    """What could not be read."""

    @property
    def state(self) -> RunState:
        """How it stands."""
        return self.result.run

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.result.run.name

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.result.run.folder

    @property
    def finished(self) -> bool:
        """It reached its end."""
        return self.result.run.state == "done"

    @property
    def repro(self) -> str | None:
        """The project it reproduces."""
        return self.spec.get("repro")

    @property
    def variant(self) -> str:
        """Which of the project's published runs; empty for its own."""
        return str(self.spec.get("variant") or "")

    @property
    def model_path(self) -> str:
        """The model it starts from, or measures."""
        return str(mapping(self.spec.get("model")).get("path", ""))

    @property
    def miniature(self) -> bool:
        """A laptop-size run, which no claim is about."""
        return bool(self.spec.get("miniature"))


def read_many(states: Iterable[RunState]) -> list[ManyRun]:
    """Runs in the order given; samples are not read."""
    return [_read(state) for state in states]


def _read(state: RunState) -> ManyRun:
    notes: list[str] = []
    run = read_json(state.folder / "run.json", notes)
    result, spec = result_of(state), mapping(run.get("spec"))
    trains = run.get("kind") != EVALUATION
    events = read_events(state.folder, [])
    trainings = _trainings(state.folder, spec, events)
    plan = read_json(state.folder / PLAN, [])
    timed = events_in_time(events, trainings)
    spent = spending(plan, timed, mapping(spec.get("hardware"))).total
    return ManyRun(
        result=result,
        spec=spec,
        trains=trains,
        overrides=_overrides(state.folder),
        curves=_curves(trainings, spec) if trains else {},
        hours=spent.hours,
        gpu_hours=spent.gpu_hours,
        problems=(*notes, *result.problems, *_measured_again(result)),
    )


def _trainings(folder: Path, spec: Json, events: list[Json]) -> list[TrainingFiles]:
    """The event logs of a run's trainings: its own, or one for each stage of its chain."""
    stages = [(name, folder / STAGES_FOLDER / name) for name in stage_names(spec)]
    return [
        TrainingFiles(name=name, events=read_events(path, [])) for name, path in stages
    ] or [TrainingFiles(name="", events=events)]  # fmt: skip


def _overrides(folder: Path) -> tuple[str, ...]:
    words = map(str, listed(read_json(folder / "provenance.json", []).get("overrides")))
    return tuple(word.lstrip("+~").partition("=")[0] for word in words)


def _curves(trainings: list[TrainingFiles], spec: Json) -> dict[str, list[Point]]:
    wanted = (REWARD, ACCURACY, LENGTH)
    found = learning(trainings, spec).curves
    return {curve.title: curve.points for curve in found if curve.title in wanted}


def subject(scores: Scores) -> ModelScore:
    """The model that a run is about: the trained one, else the last that was measured."""
    mine = [model for model in scores.models if model.label not in NOT_OURS]
    return (mine or scores.models)[-1]


def own_measurements(run: ManyRun) -> list[Measured]:
    """The measurements of a run's own model, one for each protocol; a control that measured the
    released one is none."""
    return list({_alike(found): found for found in _own(run.result)}.values())


def _own(result: Result) -> list[Measured]:
    return [
        found
        for found in result.measured
        if any(model.label not in NOT_OURS for model in found.scores.models)
    ]


def _alike(found: Measured) -> tuple[str, str]:
    return found.scores.benchmark, found.scores.protocol_hash


def _measured_again(result: Result) -> list[str]:
    """Measurements that another one of the same protocol stands for: other draws are no seed."""
    own = _own(result)
    last = {_alike(found): found for found in own}
    return [
        f"evaluation/{found.protocol}/{found.scores.benchmark} is not counted: "
        f"evaluation/{last[_alike(found)].protocol} has the same protocol"
        for found in own
        if last[_alike(found)] is not found
    ]
