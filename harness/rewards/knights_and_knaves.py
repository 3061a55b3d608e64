"""Knights and knaves with thought and answer in tags, scored from -3 to 3; recipes use the rule as
it is or add to it.

A response that keeps the format earns 1, one that breaks it loses 1. The answer adds 2 when every
role is right, -1.5 when one is wrong, and -2 when it cannot be read or the format is broken.
Source: arXiv:2502.14768, section 2.2.
"""

import re
from collections.abc import Mapping
from typing import Any

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.framed_answer import framed_answer

RIGHT, WRONG, UNREAD = 2.0, -1.5, -2.0
"""Marks of the answer."""
GOLD_LINE = re.compile(r"\b([A-Za-z]+)\b.*?\b(knight|knave)\b", re.IGNORECASE)

Roles = dict[str, str]


def tagged_roles(sample: Sample) -> Score:
    """Name the role of every person, in one pair of think tags and one of answer tags.

    The prompt's text counts as well: its opening think tag is the one that is allowed.

    Raises:
        DataError: the ground truth is neither text nor a mapping with the field `solution`.
    """
    expected = roles_of(sample.ground_truth)
    found = framed_answer(sample)
    format_mark = 1.0 if found.in_format else -1.0
    named = named_roles(found.answer, list(expected)) if found.answer else None
    mark = UNREAD if not named else RIGHT if named == expected else WRONG
    return Score(
        value=format_mark + mark,
        correct=mark == RIGHT,
        extracted=found.answer,
        components={"format": format_mark, "answer": mark},
    )


def unscorable(ground_truth: Any) -> str | None:
    """Why no response can be right about a puzzle; None where one can."""
    return None if roles_of(ground_truth) else "the solution names no role"


def roles_of(ground_truth: Any) -> Roles:
    """Name -> role, from lines such as `(1) Zoey is a knight`."""
    text = ground_truth.get("solution") if isinstance(ground_truth, Mapping) else ground_truth
    if not isinstance(text, str):
        raise DataError(
            f"knights and knaves: the ground truth is {ground_truth!r:.80}; give lines such as "
            "'(1) Zoey is a knight', or a mapping with them in the field 'solution' "
            "(data.ground_truth=[solution])"
        )
    found = [match.groups() for line in text.split("\n") if (match := GOLD_LINE.search(line))]
    return {name: role.lower() for name, role in found}


def named_roles(answer: str, names: list[str]) -> Roles | None:
    """The roles that an answer gives to the people; None unless it says exactly one for each.

    Counted is how often the words knight and knave occur at all, in other words too.
    """
    lowered = answer.lower()
    if lowered.count("knight") + lowered.count("knave") != len(names):
        return None
    roles = {}
    for name in names:
        said = re.search(rf"\b{re.escape(name)}\b\s+is\s+a\s+\b(knight|knave)\b", answer, re.I)
        if said is None:
            return None
        roles[name] = said.group(1).lower()
    return roles
