"""Reads a run directory for the report; what is missing or broken comes back empty, with a note."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evals.scores import Scores
from harness.cards import REPRODUCTIONS, Card, load_card
from harness.chain import STAGES_FOLDER
from harness.errors import ConfigError
from harness.fidelity.departures import FILE as DEPARTURES
from harness.fidelity.run import card_names

Json = dict[str, Any]

EVALUATION = "evaluation"
"""run.json's kind of an evaluation without training."""

TRUTHS = "truths.jsonl"
SAMPLES = re.compile(r"samples-(.+)-\d+\.jsonl")
STALE = "stale-"
"""Start of the names of folders with samples that were set aside."""
PLAN = "plan.json"


@dataclass(kw_only=True)
class TrainingFiles:
    """What one training left: the run's only one, or a stage of a chain."""

    name: str
    events: list[Json] = field(default_factory=list)
    manifest: Json = field(default_factory=dict)
    command: str = ""


@dataclass(kw_only=True)
class RunFiles:
    """The contents of a run directory."""

    folder: Path
    run: Json = field(default_factory=dict)
    status: Json = field(default_factory=dict)
    provenance: Json = field(default_factory=dict)
    card: Card | None = None
    """What is known of the reproduced project, as it holds for this run's variant and stages."""
    plan: Json = field(default_factory=dict)
    departures: list[Json] = field(default_factory=list)
    trainings: list[TrainingFiles] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    statements: list[Json] = field(default_factory=list)
    samples: list[Json] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def trains(self) -> bool:
        """False for an evaluation by itself."""
        return self.run.get("kind") != EVALUATION

    @property
    def spec(self) -> Json:
        """The RunSpec as it was frozen."""
        return mapping(self.run.get("spec"))


def mapping(value: Any) -> Json:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def flattened(value: Mapping[str, Any], prefix: str = "") -> Json:
    """Dotted name -> value; lists and empty mappings stay whole."""
    found: Json = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            found |= flattened(inner, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = inner
    return found


def read_json(path: Path, notes: list[str]) -> Json:
    """A JSON object, or an empty one with a note."""
    if not path.exists():
        notes.append(f"{path.name} is not there")
        return {}
    try:
        return mapping(json.loads(path.read_text(errors="replace")))
    except json.JSONDecodeError as error:
        notes.append(f"{path.name} cannot be read: {error}")
        return {}


def read_lines(path: Path, notes: list[str]) -> Iterator[Json]:
    """The JSON objects of a JSONL file; broken lines are counted in a note."""
    broken = 0
    for line in path.read_text(errors="replace").split("\n"):
        if not line.strip():
            continue
        try:
            yield mapping(json.loads(line))
        except json.JSONDecodeError:
            broken += 1
    if broken:
        notes.append(f"{path.name}: {broken} unreadable line(s) left out")


def listed(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def stage_names(spec: Json) -> list[str]:
    """The stages of a chain; empty for a run that trains once."""
    return [str(mapping(stage).get("name")) for stage in listed(spec.get("stages"))]


def read_card(spec: Json, notes: list[str]) -> Card | None:
    """The card of the reproduced project, if the run names one."""
    repro, variant = spec.get("repro"), spec.get("variant")
    if not isinstance(repro, str) or not (REPRODUCTIONS / repro / "card.yaml").is_file():
        return None
    own = variant if isinstance(variant, str) else None
    try:
        card = load_card(repro)
    except ConfigError as error:
        notes.append(f"card.yaml cannot be read: {error}")
        return None
    return card.of([name for stage in stage_names(spec) or [""] for name in card_names(own, stage)])


def read_samples(folder: Path, benchmark: str, notes: list[str]) -> list[Json]:
    """The samples of one benchmark, all models and shards, with their verdicts and truths.

    Where there are verdicts, samples without one (drawn for a larger k) are left out, with a note.
    """
    found = []
    without: Counter[str] = Counter()
    truths_path = folder / TRUTHS
    lines = read_lines(truths_path, notes) if truths_path.exists() else ()
    truths = {str(line.get("id")): {"truth": line.get("truth")} for line in lines}
    for path in sorted(folder.glob("samples-*.jsonl")):
        if not (match := SAMPLES.fullmatch(path.name)):
            continue
        label = match.group(1)
        verdicts_path = folder / f"verdicts-{label}.jsonl"
        verdicts = {}
        if verdicts_path.exists():
            lines = read_lines(verdicts_path, notes)
            verdicts = {(str(line.get("id")), str(line.get("sample"))): line for line in lines}
        else:
            notes.append(f"{verdicts_path.name} is not there: its samples are not graded")
        for line in read_lines(path, notes):
            verdict = verdicts.get((str(line.get("id")), str(line.get("sample"))), {})
            if verdict or not verdicts:
                truth = truths.get(str(line.get("id")), {})
                found.append({"label": label, "benchmark": benchmark, **line, **verdict, **truth})
            else:
                without[label] += 1
    notes += [
        f"{benchmark}: {count} sample(s) of {label} have no verdict and are left out"
        for label, count in without.items()
    ]
    return found


def read_run(folder: Path) -> RunFiles:
    """Everything that the report shows."""
    files = RunFiles(folder=folder)
    notes = files.notes
    files.run = read_json(folder / "run.json", notes)
    files.status = read_json(folder / "status.json", notes)
    files.provenance = read_json(folder / "provenance.json", notes)
    if files.trains:
        chain = [(name, folder / STAGES_FOLDER / name) for name in stage_names(files.spec)]
        files.trainings = [read_training(name, at, notes) for name, at in chain or [("", folder)]]
    files.card = read_card(files.spec, notes)
    if (folder / DEPARTURES).exists():
        recorded = read_json(folder / DEPARTURES, notes).get("departures")
        files.departures = [mapping(one) for one in listed(recorded)]
    if (folder / PLAN).exists():
        files.plan = read_json(folder / PLAN, notes)
    files.events = read_events(folder, notes)
    _read_evaluations(files, folder / "evaluation")
    return files


def read_training(name: str, folder: Path, notes: list[str]) -> TrainingFiles:
    """One training's events, data manifest and verl command."""
    command = folder / "train" / "command.txt"
    return TrainingFiles(
        name=name,
        events=read_events(folder, notes if name else []),
        manifest=read_json(folder / "data" / "manifest.json", notes),
        command=command.read_text(errors="replace") if command.exists() else "",
    )


def read_events(folder: Path, notes: list[str]) -> list[Json]:
    """The event log of a directory."""
    events = folder / "events.jsonl"
    if events.exists():
        return list(read_lines(events, notes))
    notes.append("events.jsonl is not there")
    return []


def _numbers_in_order(path: Path) -> list[str | int]:
    """Sorts aime25@512 before aime25@1024."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]


def _read_evaluations(files: RunFiles, folder: Path) -> None:
    keys: dict[tuple[Path, str], str] = {}
    for path in sorted(folder.rglob("scores.json"), key=_numbers_in_order):
        try:
            scores = Scores.model_validate_json(path.read_bytes())
        except ValidationError as error:
            files.notes.append(f"{path.relative_to(files.folder)} cannot be shown: {error}")
            continue
        files.scores.append(scores)
        keys[path.parents[1], scores.benchmark] = scores.key
    for path in sorted(folder.rglob("statement.json")):
        for said in map(mapping, listed(read_json(path, files.notes).get("statements"))):
            # One benchmark may have scores under several protocols: each has its own statements.
            key = keys.get((path.parent, str(said.get("benchmark"))))
            files.statements.append({**said, "score": key})
    inner = sorted({path.parent for path in folder.rglob("samples-*.jsonl")})
    inner = [path for path in inner if not path.name.startswith(STALE)]
    times = Counter(path.name for path in inner)
    for path in inner:
        name = path.name if times[path.name] == 1 else f"{path.name} ({path.parent.name})"
        files.samples += read_samples(path, name, files.notes)
