"""One self-contained HTML page from the files of a run directory; called by the report stage."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report.curves import Point, histogram, line_chart
from harness.report.read import Json, RunFiles, TrainingFiles, mapping, read_run
from harness.steps import effective_steps

PAGE = "report.html"
SHOWN_SAMPLES = 400
CURVES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Reward", ("critic/score/mean", "critic/rewards/mean")),
    ("Accuracy in training", ("reward/accuracy",)),
    ("Response length (tokens)", ("response_length/mean",)),
    ("KL to the sampling policy", ("actor/ppo_kl",)),
    ("KL to the reference", ("actor/reward_kl_penalty", "actor/kl_loss", "critic/kl")),
    ("Entropy", ("actor/entropy", "actor/entropy_loss")),
    ("Clipped share of tokens", ("actor/pg_clipfrac",)),
    ("Loss", ("train/loss", "loss")),
    ("Tokens per second and GPU", ("perf/throughput",)),
    ("Seconds per step", ("perf/time_per_step", "timing_s/step")),
)
"""Title, and verl's metric names in order of preference."""
PART = re.compile(r"reward/(?!accuracy$)")
"""Metrics that are parts of the reward, each with a curve of its own."""


def percent(value: Any) -> str:
    """A share as a percentage."""
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else "unknown"


def points(value: Any) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}" if isinstance(value, int | float) else "unknown"


def duration(seconds: Any) -> str:
    """Seconds as a person says them."""
    if not isinstance(seconds, int | float):
        return "unknown"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def step_metrics(events: Iterable[Json]) -> dict[int, Json]:
    """The metrics of each step; step events without the fields of one are left out."""
    whole = (
        event
        for event in events
        if isinstance(event.get("step"), int)
        and isinstance(event.get("attempt"), int)
        and isinstance(event.get("metrics"), dict)
    )
    return effective_steps({"kind": None, **event} for event in whole)


def attempt_starts(events: Iterable[Json]) -> list[float]:
    """The first step of every attempt after the first one that trained."""
    first: dict[int, float] = {}
    for event in events:
        if event.get("kind") == "step" and isinstance(event.get("step"), int):
            first.setdefault(event.get("attempt", 0), event["step"])
    return [first[attempt] for attempt in sorted(first)][1:]


def curve(metrics: Mapping[int, Json], names: Iterable[str]) -> tuple[str, list[Point]]:
    """The first metric of the list that was logged, and its points."""
    for name in names:
        found = [
            (float(step), float(values[name]))
            for step, values in metrics.items()
            if isinstance(values.get(name), int | float)
        ]
        if found:
            return name, found
    return "", []


def charts(events: list[Json]) -> list[Json]:
    """The learning curves that have data."""
    metrics, marks = step_metrics(events), attempt_starts(events)
    found = []
    parts = sorted({name for step in metrics.values() for name in step if PART.match(name)})
    for title, names in (*CURVES, *((name.removeprefix("reward/"), (name,)) for name in parts)):
        name, values = curve(metrics, names)
        if values:
            svg = Markup(line_chart(title, values, marks))
            found.append({"title": title, "metric": name, "svg": svg})
    return found


def training(files: TrainingFiles) -> Json:
    """What the template shows of one training."""
    return {
        "name": files.name,
        "charts": charts(files.events),
        "command": files.command,
        "manifest": flat(files.manifest) if files.manifest else [],
    }


def lengths(samples: Iterable[Json]) -> Markup:
    """Histogram of response lengths, one outline per model."""
    groups: dict[str, list[float]] = {}
    for sample in samples:
        if isinstance(tokens := sample.get("response_tokens"), int):
            groups.setdefault(str(sample.get("label")), []).append(tokens)
    return Markup(histogram("Response length", sorted(groups.items())))


def stages(events: Iterable[Json]) -> list[Json]:
    """Stage, attempt, seconds and note of every stage that ended."""
    return [
        {key: event.get(key) for key in ("stage", "attempt", "seconds", "note", "reason", "kind")}
        for event in events
        if event.get("kind") in ("stage_done", "failed")
    ]


def shown_samples(samples: list[Json]) -> list[Json]:
    """The first problems' samples of every model, in turn, so that before and after meet."""
    order = sorted(
        samples,
        key=lambda s: (str(s.get("id")).zfill(9), str(s.get("benchmark")), str(s.get("label"))),
    )
    fields = ("label", "benchmark", "doubt", "id", "sample", "prompt", "response", "extracted",
              "value", "correct", "truncated", "response_tokens")  # fmt: skip
    return [{name: sample.get(name) for name in fields} for sample in order[:SHOWN_SAMPLES]]


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as dotted names with their values as text."""
    if isinstance(value, dict) and value:
        pairs: list[tuple[str, str]] = []
        for key, inner in value.items():
            pairs += flat(inner, f"{prefix}.{key}" if prefix else str(key))
        return pairs
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [(prefix, text)]


def claims(card: Json) -> list[str]:
    """What upstream publishes, in lines."""
    if not card:
        return ["This run reproduces no published project: there is no claim to compare with."]
    found = card.get("claims") or []
    if not found:
        note = card.get("claims_note") or ""
        return [f"Upstream publishes no number. {note}".strip()]
    return [
        "; ".join(f"{name}: {text}" for name, text in flat(claim) if text != "null")
        for claim in found
    ]


def differences(files: RunFiles) -> list[Json]:
    """What is not as upstream, as what and effect: as the run wrote it, else as the card says."""
    return files.departures or [
        item if isinstance(item, dict) else {"what": str(item), "effect": ""}
        for item in files.card.get("differences") or []
    ]


def context(files: RunFiles) -> Json:
    """Everything that the template shows."""
    packages = mapping(files.provenance.get("packages"))
    provenance = {k: v for k, v in files.provenance.items() if k != "packages"}
    code = mapping(provenance.get("code"))
    if isinstance(code.get("diff"), str):
        changed = f"{len(code['diff'].splitlines())} lines, kept in provenance.json"
        provenance["code"] = {**code, "diff": changed}
    return {
        "name": files.run.get("name") or files.folder.name,
        "identity": files.run.get("identity"),
        "repro": files.card.get("name") or files.spec.get("repro"),
        "miniature": files.spec.get("miniature"),
        "status": files.status,
        "scores": files.scores,
        "statements": files.statements,
        "trains": files.trains,
        "claims": claims(files.card),
        "trainings": [training(files) for files in files.trainings],
        "lengths": lengths(files.samples),
        "labels": list(dict.fromkeys(str(sample.get("label")) for sample in files.samples)),
        "benchmarks": list(dict.fromkeys(str(s.get("benchmark")) for s in files.samples)),
        "samples": script_json(shown_samples(files.samples)),
        "shown": min(SHOWN_SAMPLES, len(files.samples)),
        "total": len(files.samples),
        "stages": stages(files.events),
        "recipe": flat(files.spec) if files.spec else [],
        "recipe_sources": mapping(files.card.get("recipe")),
        "differences": differences(files),
        "provenance": flat(provenance) if provenance else [],
        "packages": packages,
        "notes": files.notes,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def write_report(run_dir: Path) -> Path:
    """Write report.html into the run directory; pieces that are missing are said in it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "duration": duration}
    text = environment.get_template("page.html.j2").render(context(read_run(run_dir)))
    path = run_dir / PAGE
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    os.replace(partial, path)
    return path
