"""Reads upstream's verdicts and the labelled pairs of ../shared for the tests of this folder."""

import json
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[5] / "shared"
STOPS = ("</s>", "<|im_end|>", "<|endoftext|>")


def rows(path: str) -> list[dict[str, Any]]:
    """The rows of a file of ../shared; skips the test when it is not there."""
    file = SHARED / path
    if not file.exists():
        pytest.skip(f"{file} is not here")
    return [json.loads(line) for line in file.read_text().splitlines()]


def golden(project: str, *functions: str) -> list[dict[str, Any]]:
    """The cases of some functions of one project."""
    cases = [r for r in rows(f"golden/{project}.jsonl") if r["function"] in functions]
    assert cases, f"no case of {functions} in {project}"
    return cases


def pairs() -> list[dict[str, Any]]:
    """The labelled pairs of the development file."""
    return rows("benchmarks/grading_dev.jsonl")


def response(row: dict[str, Any], form: str) -> str:
    """A pair's response, or its bare answer put into the form that a grader reads."""
    text: str = row["response_or_prediction"]
    return text if row["kind"] == "response" else form % text


def before_stop(text: str) -> str:
    """A response cut at its stop tokens, as SimpleRL cuts it before grading."""
    for stop in STOPS:
        text = text.partition(stop)[0].strip()
    return text


def accepted_as(case: dict[str, Any]) -> list[str]:
    """The gold answers of a case."""
    truth = case["input"]["ground_truth"]
    return [str(one) for one in (truth if isinstance(truth, list) else [truth])]


def differing(verdicts: list[tuple[dict[str, Any], bool, bool]]) -> list[str]:
    """The cases whose verdict (second) is not the one wanted (third)."""
    return [
        f"{case.get('case') or case['id']}: {got}" for case, got, want in verdicts if got != want
    ]
