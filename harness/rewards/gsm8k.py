"""The forms in which GSM8K answers are written; rewards compose them."""

import re

HASHES = "####"
NUMBER = re.compile(r"[\d,]+(?:\.\d+)?")
DECORATION = str.maketrans("", "", ",$%g")
TOLERANCE = 1e-3


def number_after_hashes(text: str) -> str | None:
    """The first run of digits and commas behind #### on the same line, with its decimals.

    A sign is not part of it. Lines without a number behind their #### are passed over.
    """
    for line in text.split("\n"):
        _, marked, rest = line.partition(HASHES)
        found = NUMBER.search(rest) if marked else None
        if found:
            return found.group()
    return None


def value(number: str) -> float | None:
    """The number without thousands commas, currency, percent and gram signs; None if it is none."""
    try:
        return float(number.translate(DECORATION))
    except ValueError:
        return None


def states_final_answer(text: str) -> bool:
    """Does a line begin with `#### The final answer is` and a digit, after the first line?"""
    return re.search(r"\n#### The final answer is \d", text) is not None
