"""Small pure helpers that cut the answer out of a response; rewards compose them."""

import re


def after_first(text: str, *markers: str) -> str | None:
    """What follows the first occurrence of the first marker that is present; None without any."""
    for marker in markers:
        _, found, rest = text.partition(marker)
        if found:
            return rest
    return None


def last_line(text: str) -> str:
    """What follows the last newline: empty when the text ends with one.

    Only a line feed ends a line here; carriage return and form feed are part of it.
    """
    return text.rpartition("\n")[2]


def last_tagged(text: str, tag: str, *, across_lines: bool = False) -> str | None:
    """The stripped content of the last <tag>...</tag> pair; None without one.

    Pairs are read from left to right and do not overlap: in <a>1<a>2</a> the content is 1<a>2.
    """
    pattern = rf"<{re.escape(tag)}>(.*?)</{re.escape(tag)}>"
    contents = re.findall(pattern, text, re.DOTALL if across_lines else 0)
    return contents[-1].strip() if contents else None
