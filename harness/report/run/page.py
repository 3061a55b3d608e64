"""The report of one run: report.html, report.json and report.md in its directory, all from one
Summary; the report stage, evaluations by themselves and action=report call it."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.report.read import RunFiles, read_run
from harness.report.render import plain_json, render
from harness.report.run.charts import learning_charts, length_charts, score_chart
from harness.report.run.curve_chart import curve_chart
from harness.report.run.learning import DENSE, KEPT, READING, THINNING
from harness.report.run.markdown import markdown
from harness.report.run.summary import Summary, as_json, said_of, summarise
from harness.report.samples.choice import sample_browser

PAGE = "report.html"
DATA = "report.json"
SHORT = "report.md"
SECTIONS = (
    ("result", "Result", False),
    ("scores", "Scores", False),
    ("training", "Training", True),
    ("lengths", "Lengths", False),
    ("samples", "Samples", False),
    ("fidelity", "Fidelity", True),
    ("cost", "Time and cost", True),
    ("provenance", "Provenance", False),
)
"""Anchor, title, and whether only a training has it."""


def write_report(run_dir: Path) -> Path:
    """Writes the page, the data and the short form of a run; pieces that are missing are said.

    Returns:
        The page, report.html in the run's directory.
    """
    files = read_run(run_dir)
    summary = summarise(files)
    write(run_dir / DATA, plain_json(as_json(summary)))
    write(run_dir / SHORT, markdown(summary))
    return write(run_dir / PAGE, render("run.html.j2", context(summary, files)))


def context(s: Summary, files: RunFiles) -> dict[str, Any]:
    """What templates/run.html.j2 shows."""
    learning = s.learning
    return {
        "s": s,
        "sections": [(id, title) for id, title, trains in SECTIONS if s.head.trains or not trains],
        "scores": [(score, said_of(s, score)) for score in s.scores],
        "marked": {mark.kind for mark in s.scale.marks} if s.scale else set(),
        "score_chart": score_chart(s.scale) if s.scale else None,
        "length_curves": [(curve, curve_chart(curve)) for curve in s.curves],
        "curves": learning_charts(learning, parts=False) if learning else [],
        "component_curves": learning_charts(learning, parts=True) if learning else [],
        "dense": DENSE,
        "reading": READING,
        "kept": KEPT,
        "thinning": THINNING,
        "length_charts": length_charts(s.lengths),
        "samples": sample_browser(files.samples),
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def write(path: Path, text: str) -> Path:
    """Puts a whole file in place; halves of surrogate pairs, which no file holds, are replaced."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(text.encode("utf-8", "replace"))
    os.replace(partial, path)
    return path
