"""Aligned columns of plain text for the plan; pure functions."""

from collections.abc import Sequence

from harness.plan.interval import Interval

UNKNOWN = "?"


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Names and their values, one a line."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def columns(rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """Rows under each other: the first `words` columns to the left, numbers to the right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def amount(value: float) -> str:
    """Three significant digits, thousands with a comma."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}" if value >= 0.01 else "<0.01"


def spread(found: Interval | None) -> str:
    """The middle and the interval: 65 [17, 245]."""
    if found is None:
        return UNKNOWN
    return f"{amount(found.mid)} [{amount(found.low)}, {amount(found.high)}]"
