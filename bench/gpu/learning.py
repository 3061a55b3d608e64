"""The part `learn`: TinyZero in miniature on the tiny base, trained and evaluated by run.py; the
accuracy before and after with their intervals, the learning curve, and the run's page."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.gpu.options import Options
from bench.gpu.record import part_folder
from bench.gpu.runs import harness_run
from harness.errors import EvaluationError
from harness.rundir import read_events
from harness.steps import effective_steps

REPORT = "learn-report.html"
MOST_BYTES = 2_000_000
"""A page above this stays with the run."""
RECIPE = "+repro=miniature/tinyzero"
ON_GPU = ("hardware.rollout.memory_fraction=0.2", "backend.memory_fraction=0.3")
CURVE = {"reward": "critic/score/mean", "accuracy": "reward/accuracy"}


def measure(options: Options) -> dict[str, Any]:
    """The recipe's own steps, batch and evaluation, whatever --steps says.

    Raises:
        RepriseError: the run ended with an error.
    """
    options.scratch.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="learn-", dir=options.scratch)).resolve()
    words = [RECIPE, f"hardware={options.hardware}", *(ON_GPU if options.on_gpu else ())]
    outcome = harness_run(options, words, root)
    steps = effective_steps(read_events(outcome.run_dir / "events.jsonl"))
    return {
        "steps": len(steps),
        "minutes": round(outcome.seconds / 60, 2),
        **accuracies(scores_of(outcome.run_dir)),
        "curve": curve(steps),
        **kept_report(outcome.run_dir / "report.html", part_folder(options)),
    }


def scores_of(run: Path) -> dict[str, Any]:
    """The scores of a run's held-out problems.

    Raises:
        EvaluationError: there are none, or of several protocols.
    """
    found = sorted(run.glob("evaluation/*/held_out/scores.json"))
    if len(found) != 1:
        raise EvaluationError(
            f"{run} has {len(found)} scores of held_out instead of one: leave eval.benchmarks with "
            "held_out, and give no other protocol to the same folder"
        )
    content: dict[str, Any] = json.loads(found[0].read_text())
    return content


def accuracies(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracy of base and trained model with 95 % intervals, their difference by problem, and
    whether the intervals overlap."""
    models = {model["label"]: model for model in scores["models"]}
    base, trained = (_interval(models[label]["accuracy"]) for label in ("base", "trained"))
    difference = scores.get("difference")
    engines = {
        attempt["engine"]
        for model in scores["models"]
        for attempt in model["generation"]["attempts"]
    }
    return {
        "problems": len(scores["problem_ids"]),
        "samples_per_problem": scores["samples_per_problem"],
        "before": base,
        "after": trained,
        "overlap": not (base["high"] < trained["low"] or trained["high"] < base["low"]),
        "difference": difference and _interval(difference["paired"]),
        "engines": sorted(engines),
    }


def _interval(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(float(found[name]), 4) for name in ("value", "low", "high")}


def curve(steps: Mapping[int, Mapping[str, float]]) -> list[dict[str, float | None]]:
    """Reward and accuracy of the responses of each training step."""
    return [
        {"step": step, **{name: _rounded(metrics.get(key)) for name, key in CURVE.items()}}
        for step, metrics in steps.items()
    ]


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def kept_report(page: Path, folder: Path) -> dict[str, Any]:
    """Copies the page beside the result file, unless it is too large for that."""
    size = page.stat().st_size
    if size >= MOST_BYTES:
        return {"report": None, "report_bytes": size,
                "report_left_out": f"{page} has more than {MOST_BYTES:,} bytes"}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(page, folder / REPORT)
    return {"report": REPORT, "report_bytes": size}
