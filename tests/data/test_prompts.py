"""Templates, conversations and data options that contradict themselves."""

from typing import Any

import pytest

from harness.data.prompts import conversation, fields_of, has_answer, mistakes, render
from harness.errors import DataError
from tests.data.making import data

FILE = {"kind": "file", "path": "rows.jsonl"}
SYSTEM = {"role": "system", "content": "Think {first}."}


def test_templates() -> None:
    assert fields_of("{a} {{literal}} \\boxed{{}} {b}{a}") == ["a", "b", "a"]
    assert render("{n} in \\boxed{{}}", {"n": [1, 2]}) == "[1, 2] in \\boxed{}"
    with pytest.raises(DataError, match="names b; given are a"):
        render("{a}{b}", {"a": 1})


def test_turns_before_the_problem_stay_as_they_are() -> None:
    spec = data(FILE, render="chat", before=[SYSTEM])
    assert conversation(spec, "2 + 2?") == [SYSTEM, {"role": "user", "content": "2 + 2?"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"before": [SYSTEM]}, "data.before: set, and data.render=raw"),
        ({"before": [SYSTEM], "prefill": ""}, "data.before and data.prefill: set, and"),
        ({"keep": {"level": [1]}}, "data.keep names level; data.columns has numbers, target"),
        ({"readers": {"answer": "strip"}}, "data.readers names answer"),
        ({"readers": {"target": "stripp"}}, "stripp is unknown"),
        ({"decontaminate": ["aime1924"]}, "data.decontaminate names aime1924; the benchmarks are"),
        ({"template": "{target[0]}"}, "is not a name"),
    ],
)
def test_contradictions_are_told_before_any_row_is_read(
    changes: dict[str, Any], message: str
) -> None:
    (mistake,) = mistakes(data(FILE, **changes))
    assert message in mistake


def test_a_sound_option_has_no_mistakes() -> None:
    spec = data(FILE, render="chat", before=[SYSTEM], prefill="<think>", decontaminate=["aime24"])
    assert list(mistakes(spec)) == []


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        (0, True),
        (False, True),
        ("0", True),
        (" \n", False),
        (None, False),
        ([], False),
        ([0], True),
    ],
)
def test_what_counts_as_an_answer(value: Any, filled: bool) -> None:
    assert has_answer({"a": value, "b": 1}, ["b", "a"]) is filled
