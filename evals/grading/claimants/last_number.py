"""GSM8K, flexible: the last number of the text counts; grades claims made that way.

Extraction follows verl/utils/reward_score/gsm8k.py (0.9.1), method 'flexible', over the whole
response. Numbers are compared by value, because that method leaves commas and a final full stop
in the number and would refuse '1,234' and '42.' for their spelling.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged

NUMBER = re.compile(r"\-?[0-9\.\,]+")
PLAIN = re.compile(r"-?(\d+\.?\d*|\.\d+)")


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the last number of the response equals the gold."""
    return judged(truth, last_number(response), equal, "number")


def last_number(response: str) -> str | None:
    """The last run of digits, points and commas that holds a digit."""
    found = [run for run in NUMBER.findall(response) if any(map(str.isdigit, run))]
    return found[-1] if found else None


def equal(given: str, gold: str) -> bool:
    """Same value; a gold that is no plain number equals its own spelling only."""
    given_value, gold_value = value(given), value(gold)
    if given_value is None or gold_value is None:
        return given == gold
    return given_value == gold_value


def value(text: str) -> Fraction | None:
    """The value of a decimal number, thousands commas and stray points aside."""
    text = text.strip().lstrip("$").replace(",", "").rstrip(".")
    try:
        return Fraction(text) if PLAIN.fullmatch(text) else None
    except ValueError:  # more digits than int() reads
        return None
