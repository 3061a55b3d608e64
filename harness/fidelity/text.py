"""Fidelity as text for `action=fidelity`."""

from collections.abc import Iterator
from itertools import groupby

from harness.fidelity.compare import Row, shown
from harness.fidelity.run import Fidelity, LegFidelity

TITLES = {
    "setting": "settings",
    "semantic": "behaviour that is code, not a key",
    "verl": "upstream's translation to verl, where the emitted keys differ",
}
INDENT = " " * 19


def text(found: Fidelity) -> str:
    """Every row, the counts, and what is unexplained."""
    lines = [line for leg in found.legs for line in _leg(leg)]
    counts = ", ".join(f"{count} {status}" for status, count in found.counts().items())
    lines.append(f"{_name(found)}: {counts}")
    problems = found.problems()
    if problems:
        lines += ["", f"not explained: {len(problems)}", *(f"  {line}" for line in problems)]
    return "\n".join(lines)


def _name(found: Fidelity) -> str:
    return f"{found.repro}, {found.variant}" if found.variant else found.repro


def _leg(leg: LegFidelity) -> Iterator[str]:
    yield f"{f'stage {leg.name} ' if leg.name else ''}against {leg.script} ({leg.framework})"
    for part, rows in groupby(leg.rows, key=lambda row: row.part):
        kept = [row for row in rows if row.part != "verl" or row.status != "same"]
        if kept:
            yield f"\n{TITLES[part]}"
            for row in kept:
                yield from _row(row)
    if leg.perf:
        yield "\nmemory and speed, not compared"
        yield "  " + ", ".join(f"{key}={shown(value)}" for key, value in leg.perf.items())
    yield ""


def _row(row: Row) -> Iterator[str]:
    start = f"  {row.status:<16} {row.key}"
    if row.part == "semantic":
        yield f"{start} ({row.origin})"
        yield f"{INDENT}upstream: {row.theirs}"
        yield f"{INDENT}here: {row.reason}"
        return
    origin = f" ({row.origin})" if row.origin else ""
    ours = f"  ->  {row.our_key}={shown(row.ours)}" if row.our_key else ""
    yield f"{start}={shown(row.theirs)}{origin}{ours}"
    if row.reason:
        yield f"{INDENT}{row.reason}"
