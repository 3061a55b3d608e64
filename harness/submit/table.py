"""How runs stand, as a table for a person; the actions status and run, and watch.py, print it."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from rich.text import Text

from harness.console import Console
from harness.submit.decide import LOCAL, RunState, State

MANY = 40
"""Runs from which on only those are listed that a person may have to look at."""
QUIET = frozenset({"queued", "done"})
MOST_ROWS = 200
NAMED = 5
"""Runs named for one reason."""
GAP = 2
"""Characters between columns."""
COLUMNS = ("run", "state", "step", "reward", "ETA", "node", "attempt", "job", "reason")
STATE = COLUMNS.index("state")
ORDER: tuple[State, ...] = (
    "running", "starting", "interrupted", "queued", "done", "failed", "lost", "cancelled",
    "not submitted",
)  # fmt: skip
COLOURS = {
    "done": "green",
    "running": "cyan",
    "starting": "cyan",
    "interrupted": "yellow",
    "failed": "red",
    "lost": "red",
    "cancelled": "magenta",
}
SHORTEST_PREFIX = 8
"""A common beginning of names is cut from this length on."""


def show(
    console: Console,
    states: Sequence[RunState],
    *,
    only_counts_above: int = MANY,
    where: Path | None = None,
    note: str = "",
) -> None:
    """Prints runs, a row each, and what may be done next.

    Args:
        console: where to.
        states: the runs.
        only_counts_above: for more runs than that, how many stand how, and rows only for those
            that are neither queued nor done.
        where: what was asked about, for the commands at the end.
        note: what could not be known.
    """
    rows = list(states)
    if len(rows) > only_counts_above:
        console.say(counts(rows))
        rows = [run for run in rows if run.state not in QUIET]
    left_out = len(rows[MOST_ROWS:])
    rows = rows[:MOST_ROWS]
    if rows:
        _print_rows(console, rows)
    if hidden := len(states) - len(rows):
        quiet = f"{hidden - left_out} queued or done" if hidden - left_out else ""
        more = f"{left_out} more" if left_out else ""
        console.say(f"not listed: {', '.join(filter(None, [quiet, more]))}")
    if note:
        console.say(f"{note}: the reason of a job that SLURM has forgotten cannot be known in full")
    for line in commands(states, where):
        console.say(line)


def counts(states: Sequence[RunState]) -> str:
    """3 running, 1 failed."""
    found = Counter(run.state for run in states)
    return ", ".join(f"{found[state]} {state}" for state in ORDER if found[state])


def _print_rows(console: Console, runs: Sequence[RunState]) -> None:
    """The reasons in a column of their own where the terminal is wide enough, else below."""
    names = short_names([run.name for run in runs])
    cells = [_cells(run, name) for run, name in zip(runs, names, strict=True)]
    # A column that no run fills only takes room.
    used = [i for i in range(len(COLUMNS)) if i <= STATE or any(row[i] for row in cells)]
    widths = {i: max(len(row[i]) for row in [*cells, list(COLUMNS)]) + GAP for i in used}
    fits = sum(widths.values()) <= console.rich.width
    if not fits:
        used = [i for i in used if COLUMNS[i] != "reason"]
    console.say("")
    console.rich.print(_row(COLUMNS, used, widths, dict.fromkeys(used, "bold")))
    for run, row in zip(runs, cells, strict=True):
        console.rich.print(_row(row, used, widths, {STATE: COLOURS.get(run.state, "")}))
    if not fits:
        _print_reasons(console, runs, names)


def _row(
    cells: Sequence[str], used: Sequence[int], widths: Mapping[int, int], styles: Mapping[int, str]
) -> Text:
    parts = [(cells[i].ljust(widths[i]), styles.get(i, "")) for i in used]
    return Text.assemble(*parts)


def _print_reasons(console: Console, runs: Sequence[RunState], names: Sequence[str]) -> None:
    """Each reason once, with the runs that have it."""
    found: dict[str, list[str]] = {}
    for run, name in zip(runs, names, strict=True):
        if run.reason:
            found.setdefault(run.reason, []).append(name)
    console.say("")
    for reason, having in found.items():
        more = f" and {len(having) - NAMED} more" if len(having) > NAMED else ""
        console.say(f"{', '.join(having[:NAMED])}{more}: {reason}")


def _cells(run: RunState, name: str) -> list[str]:
    stage = run.stage if run.state in ("running", "interrupted", "failed", "lost") else ""
    stage = "" if stage == "train" and run.state == "running" else stage
    return [
        name,
        f"{run.state} ({stage})" if stage else run.state,
        _steps(run),
        "" if run.reward is None else f"{run.reward:.3f}",
        "" if run.eta_s is None else duration(run.eta_s),
        run.node,
        str(run.attempt or ""),
        run.job,
        run.reason,
    ]


def _steps(run: RunState) -> str:
    if run.step is None:
        return f"0/{run.steps}" if run.steps and run.stage.startswith("train") else ""
    return f"{run.step}/{run.steps}" if run.steps else str(run.step)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A heading and rows as lines, however long."""
    lines = [list(columns), *map(list, rows)]
    widths = [max(map(len, column)) + GAP for column in zip(*lines, strict=True)]
    return ["".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def duration(seconds: float) -> str:
    """Two units: 3d 4h, 2h 05m, 12m, 40s."""
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m" if minutes else f"{whole}s"


def short_names(names: Sequence[str]) -> list[str]:
    """Names without what all of them begin with; whole where there is but one."""
    parts = [name.split("-") for name in names]
    same = takewhile(lambda column: len(set(column)) == 1, zip(*parts, strict=False))
    common = "".join(f"{column[0]}-" for column in same) if len(set(names)) > 1 else ""
    if len(common) < SHORTEST_PREFIX:
        return list(names)
    return [f"…{name.removeprefix(common)}" for name in names]


def commands(states: Sequence[RunState], where: Path | None) -> list[str]:
    """What a person may want to do next, as command lines with their purpose."""
    place = f" {shlex.quote(f'runs={where}')}" if where else ""
    said = []
    if any(not run.final for run in states):
        said.append((f"python run.py action=wait{place}", "until all have ended"))
    if any(run.in_slurm for run in states):
        said.append((f"python run.py action=cancel{place}", "end those in SLURM"))
    if any(run.final and run.state != "not submitted" for run in states):
        said.append((f"python run.py action=collect{place}", "results so far"))
    failed = [run for run in states if run.final and run.state in ("failed", "cancelled", "lost")]
    if any(run.job != LOCAL for run in failed):
        said.append(("the command that submitted them, with again=true", "goes on with the rest"))
    width = max((len(command) for command, _ in said), default=0)
    return [f"{command:<{width}}  {purpose}" for command, purpose in said]
