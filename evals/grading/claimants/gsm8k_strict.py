"""GSM8K, strict: the number after '#### ', compared as text; grades claims made with verl's gsm8k.

Source: verl/utils/reward_score/gsm8k.py (0.9.1), method 'strict'.
"""

import re
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged

READ_CHARACTERS = 300
MARKED_NUMBER = re.compile(r"#### (\-?[0-9\.\,]+)")


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the last marked number is written like the gold, commas aside."""
    return judged(truth, marked_number(response), str.__eq__, "text")


def marked_number(response: str) -> str | None:
    """The last number behind '#### ' within the last 300 characters, without commas."""
    found = MARKED_NUMBER.findall(response[-READ_CHARACTERS:])
    return str(found[-1]).replace(",", "") if found else None
