"""Weighted sums: values, what is logged, who decides what is right, and contradictory settings."""

from typing import Any

import pytest

from harness.errors import ConfigError
from harness.rewards import Sample, Score
from harness.rewards.combine import weighted

SAMPLE = Sample(prompt="p", response="yes<|end|>", ground_truth=None)


def says(sample: Sample, *, text: str = "yes") -> Score:
    """A part: is the response just this text?"""
    found = sample.response == text
    return Score(value=float(found), correct=found, extracted=sample.response)


def size(sample: Sample) -> Score:
    """A part: the length of the response."""
    return Score(value=len(sample.response), correct=False)


def part(name: str, function: str = "says", **settings: Any) -> dict[str, Any]:
    return {"name": name, "function": f"{__name__}:{function}", **settings}


def test_the_sum_its_parts_and_its_judge() -> None:
    parts = [
        part("answer", weight=2.0, arguments={"text": "yes"}),
        part("length", "size", weight=-0.5),
        part("refusal", arguments={"text": "no"}),
    ]
    score = weighted(SAMPLE, parts=parts, accuracy="answer", end_tokens=["<|end|>"])
    assert score == Score(
        value=2.0 - 0.5 * 3,
        correct=True,
        extracted="yes",
        components={"answer": 1.0, "length": 3.0, "refusal": 0.0},
    )


def test_the_end_token_is_seen_unless_it_is_named() -> None:
    parts = [part("answer")]
    assert weighted(SAMPLE, parts=parts, accuracy="answer").value == 0.0
    ends = ["<|other|>", "<|end|>", "yes"]
    assert weighted(SAMPLE, parts=parts, accuracy="answer", end_tokens=ends).value == 1.0


@pytest.mark.parametrize("parts", [[part("a"), part("a")], [part("b")]])
def test_names_must_be_clear(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(ConfigError, match="give each part a name of its own"):
        weighted(SAMPLE, parts=parts, accuracy="a")


@pytest.mark.parametrize("function", ["nowhere:f", f"{__name__}:none", "f"])
def test_a_part_that_cannot_be_imported(function: str) -> None:
    with pytest.raises(ConfigError, match="cannot be imported"):
        weighted(SAMPLE, parts=[{"name": "a", "function": function}], accuracy="a")
