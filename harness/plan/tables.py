"""Aligned columns of plain text for the plan; pure functions."""

from collections.abc import Sequence
from itertools import chain, repeat
from textwrap import wrap

from harness.plan.interval import Interval

UNKNOWN = "?"
WIDTH = 110
"""Characters of a line, unless one word is longer."""


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Names and their values, long ones on several lines below each other."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{start:<{width}}  {line}".rstrip()
        for name, value in rows
        for start, line in zip(
            chain([name], repeat("")), _lines(value, WIDTH - width), strict=False
        )
    )


def _lines(value: str, width: int) -> list[str]:
    """Words stay whole, addresses and overrides among them."""
    return wrap(value, width, break_long_words=False, break_on_hyphens=False) or [""]


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
    """Two significant digits, thousands with a comma: no estimate here is better than that."""
    if value >= 10:
        return f"{float(f'{value:.2g}'):,.0f}"
    return f"{value:#.2g}".rstrip(".") if value >= 0.01 else "<0.01"


def plural(count: int, thing: str, many: str = "") -> str:
    """1 step, 1,040 steps, 2 copies (many=copies)."""
    return f"{count:,} {thing if count == 1 else many or thing + 's'}"


def spread(found: Interval | None) -> str:
    """The middle and the interval: 65 [17, 250]."""
    if found is None:
        return UNKNOWN
    return f"{amount(found.mid)} [{amount(found.low)}, {amount(found.high)}]"
