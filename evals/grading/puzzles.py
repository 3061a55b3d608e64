"""Graders of the generated puzzles, countdown and knights-and-knaves; read by evaluations.

A puzzle's answer is checked, not compared: every expression that reaches the target is right.
"""

import re
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants.boxes import last_box
from harness.errors import DataError
from harness.rewards.arithmetic import ArithmeticRefused, evaluate
from harness.rewards.extraction import last_tagged

TOLERANCE = 1e-9
EXPRESSION = re.compile(r"[0-9+\-*/()\s]+")
NUMBER = re.compile(r"[0-9]+")
SPELLED_OPERATORS = {
    "\\times": "*",
    "\\cdot": "*",
    "\\div": "/",
    "\\left": "",
    "\\right": "",
    "$": "",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{MINUS SIGN}": "-",
}
ROLE = re.compile(r"knight|knave")
STATED_TRUTH = re.compile(r"([^\W\d_]+)\b.*?\b(knight|knave)\b", re.IGNORECASE)


def countdown(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the expression uses every number exactly once and equals the target.

    The expression is the last <answer>...</answer>, else the last box, else the last line that is
    not empty; only + - * / and parentheses may join the numbers.

    Args:
        truth: The fields `numbers` and `target`.
        response: The response as generated.
    """
    numbers, target = required(truth, "numbers", "target")
    found = expression_text(response)
    if found is None:
        return Verdict(correct=False, extracted=None, how="arithmetic", doubt="no answer")
    correct = reaches(found, numbers, target)
    left, equals, _ = found.partition("=")
    seen = not correct and equals == "=" and reaches(left, numbers, target)
    doubt = "right answer seen but not extracted" if seen else None
    return Verdict(correct=correct, extracted=found, how="arithmetic", doubt=doubt)


def expression_text(response: str) -> str | None:
    """The text in which the expression is due, operators in plain signs; None when empty."""
    found = last_tagged(response, "answer", across_lines=True)
    if found is None:
        found = last_box(response)
    if found is None:
        found = next(filter(None, map(str.strip, reversed(response.splitlines()))), "")
    for spelled, plain in SPELLED_OPERATORS.items():
        found = found.replace(spelled, plain)
    return found.strip() or None


def reaches(expression: str, numbers: list[int], target: float) -> bool:
    """Whether the expression uses exactly the numbers and equals the target."""
    if not EXPRESSION.fullmatch(expression) or "**" in expression or "//" in expression:
        return False
    runs = NUMBER.findall(expression)
    if sorted(runs) != sorted(map(str, numbers)):
        return False
    try:
        return abs(evaluate(" ".join(expression.split())) - target) < TOLERANCE
    except ArithmeticRefused:
        return False


def knights_and_knaves(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when '<name> is a knight' or '<name> is a knave' stands exactly once for everyone.

    Read are the last <answer>...</answer>, else what follows the last </think>, else everything.
    Any further mention of a role makes the answer wrong: it may contradict.

    Args:
        truth: The fields `names` and `solution` (True for a knight), or `answer` with one line
            '(1) Ann is a knight' a person.
        response: The response as generated.
    """
    roles = roles_of(truth)
    answer = last_tagged(response, "answer", across_lines=True)
    if answer is None:
        answer = response.rpartition("</think>")[2]
    answer = answer.lower()
    if not ROLE.search(answer):
        return Verdict(correct=False, extracted=None, how="statements", doubt="no answer")
    stated = {name: stated_roles(name, answer) for name in roles}
    alone = len(ROLE.findall(answer)) == len(roles)
    correct = alone and all(stated[name] == [role] for name, role in roles.items())
    extracted = "; ".join(f"{name}: {', '.join(stated[name]) or 'nothing'}" for name in roles)
    return Verdict(correct=correct, extracted=extracted, how="statements")


def stated_roles(name: str, answer: str) -> list[str]:
    """All roles that a lower-case text gives to one person, in order."""
    return re.findall(rf"\b{re.escape(name.lower())}\b\s+is\s+a\s+\b(knight|knave)\b", answer)


def roles_of(truth: Mapping[str, Any]) -> dict[str, str]:
    """Name -> 'knight' or 'knave'."""
    if {"names", "solution"} <= truth.keys():
        pairs = zip(truth["names"], truth["solution"], strict=True)
        return {name: "knight" if honest else "knave" for name, honest in pairs}
    (answer,) = required(truth, "answer")
    found = map(STATED_TRUTH.search, answer.splitlines())
    roles = {match[1]: match[2].lower() for match in found if match}
    if not roles:
        raise DataError(
            f"knights_and_knaves: no person in the answer {answer!r}; "
            "give one line '(1) Ann is a knight' a person, or the fields names and solution"
        )
    return roles


def required(truth: Mapping[str, Any], *fields: str) -> tuple[Any, ...]:
    """The values of the fields.

    Raises:
        DataError: one is missing; names those that are there.
    """
    missing = [field for field in fields if field not in truth]
    if missing:
        raise DataError(
            f"the puzzle has the fields {sorted(truth)} but lacks {missing}; "
            "regenerate the benchmark or choose the grader that fits it"
        )
    return tuple(truth[field] for field in fields)
