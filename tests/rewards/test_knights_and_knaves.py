"""Knights and knaves: what counts as a statement of a role, and the marks."""

from typing import Any

import pytest

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.knights_and_knaves import named_roles, roles_of, tagged_roles, unscorable

PROMPT = "User:Who is who?\nAssistant: <think>"
GOLD = "(1) Ada is a knight\n(2) Bo is a knave"


def score(response: str, gold: Any = GOLD) -> Score:
    return tagged_roles(Sample(prompt=PROMPT, response=response, ground_truth=gold))


def test_marks_and_components() -> None:
    assert score(f" so </think>\n<answer>{GOLD}</answer><|im_end|>") == Score(
        value=3.0, correct=True, extracted=GOLD, components={"format": 1.0, "answer": 2.0}
    )
    assert score(" so </think><answer>Ada is a knave, Bo is a knave</answer>").value == -0.5
    assert score(" so </think><answer>nobody knows</answer>").value == -1.0
    assert score("<think></think><answer>Ada is a knight, Bo is a knave</answer>") == Score(
        value=-3.0, correct=False, components={"format": -1.0, "answer": -2.0}
    )


def test_names_are_read_as_they_stand() -> None:
    odd = "(1) A is a knight"
    assert score("</think><answer>A is a knight</answer>", odd).value == 3.0
    assert score("</think><answer>Ab is a knight</answer>", odd).value == -1.0


def test_every_mention_of_a_role_counts() -> None:
    assert named_roles("Ada IS A Knight", ["Ada"]) == {"Ada": "knight"}
    assert named_roles("Ada is a knight, and knights are honest", ["Ada"]) is None
    assert named_roles("Ada is the knight", ["Ada"]) is None


def test_the_gold_may_be_a_field() -> None:
    assert roles_of({"solution": GOLD}) == {"Ada": "knight", "Bo": "knave"}
    assert unscorable({"solution": GOLD}) is None
    assert "no role" in str(unscorable({"solution": "nobody"}))


@pytest.mark.parametrize("gold", [None, 7, {"answer": GOLD}, ["Ada is a knight"]])
def test_a_gold_of_another_form_is_refused(gold: Any) -> None:
    with pytest.raises(DataError, match="solution"):
        score("", gold)
