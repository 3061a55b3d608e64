"""Several runs as the sweep page shows them: what varies, how each stands and scores, seeds
together, differences with their uncertainty. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evals.intervals import t_quantile
from harness.report.run.configuration import as_text
from harness.report.sweep.fields import Fields, Varied, compare
from harness.report.sweep.pairs import Entrant, Paired, paired
from harness.report.sweep.runs import LENGTH, REWARD, ManyRun, own_measurements, subject
from harness.submit.table import counts, short_names

FEW = {1: 12.706, 2: 4.303, 3: 3.182}
"""Student's t, 97.5 %, for degrees of freedom that evals.intervals.t_quantile does not cover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One benchmark under one protocol."""

    title: str
    benchmark: str
    protocol_hash: str
    problems: int
    samples_per_problem: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The score of one run in one column; shares."""

    model: str
    value: float
    low: float
    high: float
    base: float | None = None
    change: float | None = None
    """Trained - base, paired by problem."""
    change_low: float | None = None
    change_high: float | None = None
    invalid: str = ""
    """Invariants of the instrument that do not hold; empty for a score that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run."""

    run: str
    label: str
    """Its name without what all names begin with."""
    folder: str
    group: int
    seed: str
    values: list[str]
    """Of the varied fields, in their order."""
    state: str
    reason: str
    step: int | None
    steps: int | None
    reward: float | None
    """Mean of the last step."""
    length: float | None
    """Tokens, mean of the last step."""
    cells: list[Cell | None]
    hours: float | None
    gpu_hours: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedMean:
    """Mean score over the finished runs of one configuration, which differ in seeds; shares."""

    value: float
    low: float | None
    """95 % interval over seeds, on these very problems (Student's t); null where
    the scores of the seeds do not differ, or there is but one."""
    high: float | None
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Runs that differ in nothing but seeds."""

    label: str
    values: list[str]
    runs: list[str]
    done: int
    means: list[SeedMean | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Everything that the page says; sweep.json."""

    where: str
    counts: str
    columns: list[Column]
    varied: list[Varied]
    hidden: list[Varied]
    seed_field: str
    """Seeds that vary, by their fields; empty where none does."""
    fixed: dict[str, str]
    rows: list[Row]
    groups: list[Group]
    paired: Paired
    failures: list[tuple[str, str, str]]
    """Run, state, reason: all that did not reach their end."""
    problems: list[tuple[str, str]]
    """Run, and what could not be read of it."""


def sweep(runs: Sequence[ManyRun], where: Path) -> Sweep:
    """The page's content.

    Args:
        runs: all of them; none is dropped.
        where: folder that the page is written to.
    """
    fields = compare(
        [run.spec for run in runs],
        list(dict.fromkeys(name for run in runs for name in run.overrides)),
    )
    columns = _columns(runs)
    rows = [
        _row(run, label, fields, index, columns)
        for index, (run, label) in enumerate(
            zip(runs, short_names([run.name for run in runs]), strict=True)
        )
    ]
    return Sweep(
        where=str(where),
        counts=counts([run.state for run in runs]),
        columns=columns,
        varied=fields.varied,
        hidden=fields.hidden,
        seed_field=fields.seed.field if fields.seed else "",
        fixed=fields.fixed,
        rows=rows,
        groups=_groups(rows, fields, columns),
        paired=_paired(runs, fields),
        failures=[(r.label, r.state, r.reason or "no reason given") for r in rows if not _done(r)],
        problems=[
            (row.label, problem)
            for run, row in zip(runs, rows, strict=True)
            for problem in run.problems
        ],
    )


def _done(row: Row) -> bool:
    return row.state == "done"


def _columns(runs: Sequence[ManyRun]) -> list[Column]:
    """Every benchmark and protocol that a run's own model was measured with."""
    found: dict[tuple[str, str], Column] = {}
    for run in runs:
        for measured in own_measurements(run):
            scores = measured.scores
            column = Column(
                title=scores.benchmark,
                benchmark=scores.benchmark,
                protocol_hash=scores.protocol_hash,
                problems=scores.problems,
                samples_per_problem=scores.samples_per_problem,
            )
            found.setdefault((scores.benchmark, scores.protocol_hash), column)
    times = Counter(column.benchmark for column in found.values())
    return [_titled(column, times) for column in sorted(found.values(), key=lambda c: c.benchmark)]


def _titled(column: Column, times: Counter[str]) -> Column:
    if times[column.benchmark] == 1:
        return column
    title = f"{column.benchmark} (protocol {column.protocol_hash[:6]})"
    return replace(column, title=title)


def _row(run: ManyRun, label: str, fields: Fields, index: int, columns: list[Column]) -> Row:
    state = run.state
    return Row(
        run=run.name,
        label=label,
        folder=str(run.folder),
        group=fields.groups[index],
        seed=as_text(fields.seed.values[index]) if fields.seed else "",
        values=[_shown(varied.values[index]) for varied in fields.varied],
        state=state.state,
        reason=state.reason,
        step=state.step,
        steps=state.steps,
        reward=_last(run, REWARD),
        length=_last(run, LENGTH),
        cells=_cells(run, columns),
        hours=run.hours,
        gpu_hours=run.gpu_hours,
    )


def _shown(value: Any) -> str:
    return "none" if value is None else as_text(value)


def _last(run: ManyRun, name: str) -> float | None:
    curve = run.curves.get(name)
    return curve[-1][1] if curve else None


def _cells(run: ManyRun, columns: Sequence[Column]) -> list[Cell | None]:
    found = {
        (measured.scores.benchmark, measured.scores.protocol_hash): measured.scores
        for measured in own_measurements(run)
    }
    cells: list[Cell | None] = []
    for column in columns:
        scores = found.get((column.benchmark, column.protocol_hash))
        if scores is None:
            cells.append(None)
            continue
        mine, change = subject(scores), scores.difference
        base = [m.accuracy.value for m in scores.models if change and m.label == change.before]
        paired_change = change.paired if change and change.after == mine.label else None
        cells.append(
            Cell(
                model=mine.label,
                value=mine.accuracy.value,
                low=mine.accuracy.low,
                high=mine.accuracy.high,
                base=base[0] if base else None,
                change=paired_change.value if paired_change else None,
                change_low=paired_change.low if paired_change else None,
                change_high=paired_change.high if paired_change else None,
                invalid="; ".join(check.name for check in scores.invalid),
            )
        )
    return cells


def _groups(rows: Sequence[Row], fields: Fields, columns: Sequence[Column]) -> list[Group]:
    found: list[Group] = []
    for number in sorted(set(fields.groups)):
        mine = [row for row in rows if row.group == number]
        found.append(
            Group(
                label=_label(fields, fields.groups.index(number)),
                values=mine[0].values,
                runs=[row.run for row in mine],
                done=sum(map(_done, mine)),
                means=[
                    _seed_mean([row.cells[i] for row in mine if _done(row)])
                    for i in range(len(columns))
                ],
            )
        )
    return found


def _label(fields: Fields, index: int) -> str:
    """A configuration in words: its values of what varies."""
    pairs = [f"{v.label}={_shown(v.values[index])}" for v in [*fields.varied, *fields.hidden]]
    return ", ".join(pairs) if pairs else "the one configuration"


def _seed_mean(cells: Sequence[Cell | None]) -> SeedMean | None:
    values = [cell.value for cell in cells if cell is not None and not cell.invalid]
    return seed_mean(values) if values else None


def seed_mean(values: Sequence[float]) -> SeedMean:
    """Mean over seeds with Student's t interval; one seed, or equal scores, give no interval."""
    mean, count = float(np.mean(values)), len(values)
    if count == 1 or max(values) == min(values):
        return SeedMean(value=mean, low=None, high=None, seeds=count)
    quantile = FEW.get(count - 1) or t_quantile(count - 1)
    half = quantile * float(np.std(values, ddof=1)) / count**0.5
    return SeedMean(value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), seeds=count)


def _paired(runs: Sequence[ManyRun], fields: Fields) -> Paired:
    """Differences between the valid measurements of finished runs; unfinished ones may change."""
    every = [
        (run, Entrant(group=group, scores=measured.scores))
        for run, group in zip(runs, fields.groups, strict=True)
        for measured in own_measurements(run)
    ]
    entrants = [one for run, one in every if run.finished and not one.scores.invalid]
    found = paired(entrants)
    if not (left_out := len(every) - len(entrants)):
        return found
    note = f"{left_out} measurement(s) of unfinished runs, or that are invalid, are not compared"
    return replace(found, notes=[*found.notes, note])


def in_short(values: Sequence[Any], most: int = 12) -> str:
    """The different values in order, the first few of many."""
    different = list(dict.fromkeys(_shown(value) for value in values))
    more = f" and {len(different) - most} more" if len(different) > most else ""
    return ", ".join(different[:most]) + more
