"""The fidelity of a run as the page shows it: every key and behaviour of upstream with what became
of it here, and what departs; summary.py reads it."""

from collections import Counter
from typing import Any

from pydantic import ValidationError

from evals.job import Frozen
from harness.errors import RepriseError
from harness.fidelity.compare import Row, shown
from harness.fidelity.departures import DEPARTED
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.report.read import Json
from harness.spec import RunSpec

STATUSES = (
    "same", "renamed", "without effect", "changed", "not expressible", "unexplained",
)  # fmt: skip


class FidelityRow(Frozen):
    """One of upstream's keys or behaviours."""

    stages: list[str]
    """Stages that it is about; empty where the run has none, or for all of them."""
    part: str
    """setting, or semantic for a behaviour."""
    key: str
    theirs: str
    our_key: str
    ours: str
    status: str
    reason: str
    origin: str
    """script, fork_default or hard_coded; for a behaviour, where it was read."""


class FidelitySummary(Frozen):
    """What is as upstream, and what is not."""

    counts: dict[str, int]
    """Status -> rows."""
    rows: list[FidelityRow]
    """Every key and behaviour; empty where they could not be compared."""
    departures: list[dict[str, str]]
    """What departs, as the run recorded it: what, effect, status."""
    note: str
    """What was compared."""


def fidelity_summary(spec: Json, recorded: list[Json], notes: list[str]) -> FidelitySummary:
    """The table of a run's recipe, computed anew, beside what the run recorded.

    A miniature changes sizes on purpose: its recipe is held to upstream at full size.
    """
    departures = [{key: str(value) for key, value in one.items()} for one in recorded]
    rows: list[FidelityRow] = []
    note = ""
    if spec.get("repro"):
        try:
            rows = fidelity_rows(spec)
            size = "its recipe at full size" if spec.get("miniature") else "this run"
            note = f"Upstream's keys and behaviours against {size}."
        except (RepriseError, ValidationError, KeyError) as error:
            notes.append(f"fidelity could not be computed: {error}")
    counts = Counter(row.status for row in rows)
    return FidelitySummary(
        counts={status: counts[status] for status in STATUSES if counts[status]},
        rows=rows,
        departures=departures,
        note=note,
    )


def fidelity_rows(spec: Json) -> list[FidelityRow]:
    """A row for each key and behaviour; equal rows of several stages are one.

    Raises:
        RepriseError: the recipe, its card or an upstream file is missing.
        ValidationError: the run was frozen by a version with other fields.
    """
    name = "_".join(str(part) for part in (spec["repro"], spec.get("variant")) if part)
    found = fidelity(recipe(name) if spec.get("miniature") else RunSpec.model_validate(spec))
    merged: dict[tuple[Any, ...], list[str]] = {}
    for leg in found.legs:
        for row in leg.rows:
            if row.part != "verl":
                merged.setdefault(_content(row), []).append(leg.name)
    everywhere = [leg.name for leg in found.legs]
    return [
        FidelityRow(
            stages=[] if stages == everywhere else stages,
            **dict(zip(CONTENT, content, strict=True)),
        )
        for content, stages in merged.items()
    ]


CONTENT = ("part", "key", "theirs", "our_key", "ours", "status", "reason", "origin")


def _content(row: Row) -> tuple[Any, ...]:
    """What of a row is shown, as text."""
    behaviour = row.part == "semantic"
    ours = shown(row.ours) if row.our_key else ""
    theirs = str(row.theirs) if behaviour else shown(row.theirs)
    return row.part, row.key, theirs, row.our_key, ours, row.status, row.reason, row.origin


def departs(row: FidelityRow) -> bool:
    """Whether a row is not as upstream."""
    return row.status in DEPARTED
