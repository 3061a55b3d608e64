"""Writes sweep.html, sweep.json and sweep.md; action=report calls it."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from harness.report.render import plain_json, render
from harness.report.run.page import PAGE, write
from harness.report.sweep.charts import MOST_SCORE_CHARTS, charts, score_charts
from harness.report.sweep.markdown import about_pairs, markdown
from harness.report.sweep.rows import in_short, sweep
from harness.report.sweep.runs import ManyRun


def write_sweep(runs: Sequence[ManyRun], where: Path) -> Path:
    """Writes sweep.html, sweep.json and sweep.md."""
    found = sweep(runs, where)
    write(where / "sweep.json", plain_json(asdict(found)))
    write(where / "sweep.md", markdown(found))
    context = {
        "sweep": found,
        "charts": charts(runs, found),
        "more_charts": max(0, len(score_charts(found)) - MOST_SCORE_CHARTS),
        "links": _links(runs, where),
        "values": [in_short(v.values) for v in [*found.varied, *found.hidden]],
        "seeds": in_short([row.seed for row in found.rows]),
        "names": [group.label for group in found.groups],
        "on_gpus": any(row.gpu_hours is not None for row in found.rows),
        "about_pairs": about_pairs(len(found.paired.pairs)),
    }
    return write(where / "sweep.html", render("sweep.html.j2", context))


def _links(runs: Sequence[ManyRun], where: Path) -> list[str]:
    """Each run's page as seen from the folder, or nothing where there is none."""
    pages = [run.folder / PAGE for run in runs]
    return [quote(os.path.relpath(page, where)) if page.exists() else "" for page in pages]
