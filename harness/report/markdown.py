"""Markdown of the reports: texts without meaning to it, and tables; read by the pages' short forms
and the trackers."""

import re
from collections.abc import Sequence


def escaped(text: str) -> str:
    """A text as one line without meaning to Markdown or HTML."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]<>|#&~!])", r"\\\1", one_line)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are Markdown."""
    head, *lines = (f"| {' | '.join(row)} |" for row in [columns, *rows])
    return "\n".join([head, "|" + "---|" * len(columns), *lines])


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are plain text: what runs say has no meaning in it."""
    return table([*map(escaped, columns)], [[*map(escaped, row)] for row in rows])
