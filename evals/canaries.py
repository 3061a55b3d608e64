"""Responses whose verdict is known, graded along with each evaluation; invariants.py reads it.

A response carries its answer in every form that a grader of mathematics looks for, so that the same
canaries hold for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Canary:
    """One response with its known verdict."""

    truth: Mapping[str, Any]
    response: str
    correct: bool


def _mathematics(gold: str, answer: str, correct: bool) -> Canary:
    response = (
        f"Counting carefully gives it.\nFinal Answer: The final answer is ${answer}$. I hope it is "
        f"correct.\n#### {answer}\nTherefore the answer is $\\boxed{{{answer}}}$.\nAnswer: {answer}"
    )
    return Canary({"answer": gold}, response, correct)


CANARIES: dict[str, tuple[Canary, ...]] = {
    "math": (
        _mathematics("204", "204", True),
        _mathematics("204", "205", False),
        _mathematics("7", "-7", False),
        _mathematics("10000", "10001", False),
        Canary({"answer": "33"}, "I could not find it.", False),
    ),
    "countdown": (
        Canary({"numbers": [3, 5, 7], "target": 38}, "<answer>3 + 5 * 7</answer>", True),
        Canary({"numbers": [3, 5, 7], "target": 38}, "<answer>3 + 35</answer>", False),
        Canary({"numbers": [3, 5, 7], "target": 38}, "<answer>38</answer>", False),
    ),
    "knights_and_knaves": (
        Canary(
            {"answer": "(1) Ann is a knight\n(2) Bob is a knave"},
            "<answer>(1) Ann is a knight\n(2) Bob is a knave</answer>",
            True,
        ),
        Canary(
            {"answer": "(1) Ann is a knight\n(2) Bob is a knave"},
            "<answer>(1) Ann is a knave\n(2) Bob is a knave</answer>",
            False,
        ),
    ),
}
"""Task of a benchmark -> its canaries."""
