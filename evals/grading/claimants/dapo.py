"""DAPO: the line after 'Answer:' near the end, normalised, compared as text; grades claims made
with verl's math_dapo.

Source: verl/utils/reward_score/math_dapo.py, tag v0.9.0. Releases from 0.9.1 on fall back to a
box when there is no such line; `strict_box` below is that fallback and JustRL's only rule.
"""

import re
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged
from evals.grading.claimants.boxes import closed_span
from evals.grading.claimants.minerva_text import normal_form_of_verl

READ_CHARACTERS = 300
BOX_CHARACTERS = 100
ANSWER_LINE = re.compile(r"(?i)Answer\s*:\s*([^\n]+)")


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the last answer line and the gold have the same normal form."""
    return judged(truth, answer_line(response), equal, "text")


def answer_line(response: str) -> str | None:
    """What follows the last 'Answer:' within the last 300 characters."""
    found = ANSWER_LINE.findall(response[-READ_CHARACTERS:])
    return str(found[-1]) if found else None


def equal(given: str, gold: str) -> bool:
    """Same normal form."""
    return normal_form_of_verl(given) == normal_form_of_verl(gold)


def strict_box(response: str) -> str | None:
    r"""The last closed \boxed{...} that begins within the last 100 characters."""
    tail = response[-READ_CHARACTERS:][-BOX_CHARACTERS:]
    start = tail.rfind("\\boxed{")
    span = closed_span(tail, start) if start >= 0 else None
    return None if span is None else span.removeprefix("\\boxed{")[:-1]
