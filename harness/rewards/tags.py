"""Checks of tags and formats, in time linear in the text; rewards compose them.

Regular expressions with several lazy parts take quadratic time on responses that repeat a tag,
so these look for literal pieces one after the other, which finds the same texts.
"""

import re
from collections.abc import Sequence


def ends_of_pieces(text: str, pieces: Sequence[str], start: int = 0) -> int | None:
    """Where the last piece ends when all follow one another from `start` on; None if one lacks.

    Anything may stand between two pieces. Each is taken as early as possible, which leaves the
    most room for the next ones.
    """
    for piece in pieces:
        found = text.find(piece, start)
        if found < 0:
            return None
        start = found + len(piece)
    return start


def framed(text: str, opening: str, pieces: Sequence[str], closing: str) -> bool:
    """Does the text begin with `opening`, go on with the pieces, and close at the end of a line?

    What follows the closing on later lines does not matter.
    """
    if not text.startswith(opening):
        return False
    reached = ends_of_pieces(text, pieces, len(opening))
    return (
        reached is not None
        and re.search(rf"{re.escape(closing)}$", text[reached:], re.MULTILINE) is not None
    )


def once(text: str, pieces: Sequence[str]) -> int:
    """How many of the pieces occur exactly once."""
    return sum(text.count(piece) == 1 for piece in pieces)


def once_in_order(text: str, pieces: Sequence[str]) -> bool:
    """Does each piece occur exactly once, and do they stand in the order given?"""
    places = [text.find(piece) for piece in pieces]
    return once(text, pieces) == len(pieces) and places == sorted(places)


def first_on_a_line(text: str, tag: str) -> str | None:
    """The content of the first <tag>...</tag> pair that opens and closes on one line, stripped.

    Only a line feed ends a line.
    """
    opening, closing = f"<{tag}>", f"</{tag}>"
    for line in text.split("\n"):
        _, opened, rest = line.partition(opening)
        content, closed, _ = rest.partition(closing)
        if opened and closed:
            return content.strip()
    return None


def thought_then_answer(text: str) -> bool:
    """Is the whole text <think>...</think>, one line feed, <answer>...</answer>?

    No further think tag may stand inside the thought; the answer may hold anything. One line feed
    at the very end is tolerated.
    """
    if not text.startswith("<think>"):
        return False
    thought, closed, rest = text.removeprefix("<think>").partition("</think>")
    answer = rest.removesuffix("\n")
    opening, closing = "\n<answer>", "</answer>"
    return (
        bool(closed)
        and "<think>" not in thought
        and answer.startswith(opening)
        and answer[len(opening) :].endswith(closing)
    )
