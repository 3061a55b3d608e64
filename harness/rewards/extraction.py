"""Small pure helpers that cut the answer out of a response; rewards compose them."""


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
    Linear in the text, also where a tag is opened over and over.
    """
    opening, closing = f"<{tag}>", f"</{tag}>"
    found, reached = None, 0
    while (opened := text.find(opening, reached)) >= 0:
        begin = opened + len(opening)
        end = text.find(closing, begin)
        if end < 0:
            break
        line_end = -1 if across_lines else text.rfind("\n", begin, end)
        if line_end < 0:
            found, reached = text[begin:end].strip(), end + len(closing)
        else:  # whatever opens above the closing tag's own line is closed on no line
            reached = line_end + 1
    return found
