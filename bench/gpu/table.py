"""Result files as text: markdown tables for the documentation, and a short list after each part."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.gpu.options import MEASURED
from bench.gpu.record import read_parts
from harness.paths import ROOT

NOT_RUN = "not run"
LONGEST_CELL = 60
SHOWN = 3
"""Of a list of words; the result file has them all."""
DESCRIBED = ("torch", "vllm", "transformers", "verl")


def markdown(folder: Path) -> str:
    """Every result below a folder: what was measured where, then one table a part."""
    found = read_parts(folder) if folder.is_dir() else []
    if not found:
        shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
        return f"{NOT_RUN}: no result under {shown}"
    parts = sorted({result["part"] for result in found}, key=_order)
    tables = [_machines(found)]
    for part in parts:
        tables.append(f"### {part}\n\n{_part([r for r in found if r['part'] == part])}")
    return "\n\n".join(tables)


def summary(part: str, numbers: Mapping[str, Any]) -> str:
    """One part's numbers, a line each."""
    rows = list(flat(numbers))
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([part, *(f"  {name:<{width}}  {cell(value)}" for name, value in rows)])


def flat(numbers: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name -> value, in order; lists of numbers are for plots and are left out."""
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield f"{prefix}{name}", value
        elif all(isinstance(item, str) for item in value):
            more = f"; and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
            yield f"{prefix}{name}", ("; ".join(value[:SHOWN]) + more) or "none"


def cell(value: Any) -> str:
    """A value as it is read: null is what was not run."""
    if value is None:
        return NOT_RUN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _order(part: str) -> tuple[int, str]:
    return (MEASURED.index(part) if part in MEASURED else len(MEASURED), part)


def _machines(found: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for folder in sorted({result["folder"] for result in found}):
        mine = [result for result in found if result["folder"] == folder]
        rows.append([folder, *_machine(mine)])
    head = ["result", "device", "driver", "commit", "measured", *DESCRIBED, "parts"]
    return _grid(head, rows)


def _machine(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    newest = max(results, key=lambda result: str(result["date"]))
    device = newest["device"]
    gpu = f"{device['count']} x {device['name']}, {cell(device['memory_gb'])} GB"
    yield gpu if device["name"] else f"no GPU, {cell(device['cpus'])} processors"
    yield f"{device['driver']}, CUDA {device['cuda']}" if device["driver"] else "none"
    yield (newest["commit"] or "unknown")[:7] + (" and changes" if newest["dirty"] else "")
    yield str(newest["date"])[:10]
    yield from (newest["versions"].get(name) or "none" for name in DESCRIBED)
    yield ", ".join(sorted({result["part"] for result in results}, key=_order))


def _part(results: Sequence[Mapping[str, Any]]) -> str:
    """Rows are numbers, columns results."""
    columns = [dict(flat(result["numbers"])) for result in results]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [
        [_words(name), *(_short(cell(column.get(name))) for column in columns)] for name in names
    ]
    return _grid(["", *(str(result["folder"]) for result in results)], rows)


def _words(name: str) -> str:
    return name.replace("_", " ").replace(".", ": ")


def _short(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= LONGEST_CELL else f"{line[: LONGEST_CELL - 3]}..."


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
