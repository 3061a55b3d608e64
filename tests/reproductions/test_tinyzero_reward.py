"""TinyZero's scoring rules: one case for each, and every recorded verdict."""

import math
from pathlib import Path
from typing import Any

import pytest

from harness.cards import load_card
from harness.conformance import conform, report
from harness.errors import DataError
from harness.rewards import Sample, Score
from reproductions.tinyzero.reward import countdown, multiply

ROOT = Path(__file__).parents[2]
PROBLEM = {"target": 26, "numbers": [4, 5, 6]}


def score(response: str, prompt: str = "User: go\nAssistant: <think>", **problem: Any) -> Score:
    return countdown(Sample(prompt=prompt, response=response, ground_truth={**PROBLEM, **problem}))


def test_full_marks() -> None:
    assert score("</think>\n<answer>6 + 4*5</answer>") == Score(
        value=1.0, correct=True, extracted="6 + 4*5", components={"format": 1.0, "answer": 1.0}
    )


def test_format_mark() -> None:
    assert score("<answer>4+5+6</answer>") == Score(
        value=0.1, correct=False, extracted="4+5+6", components={"format": 1.0, "answer": 0.0}
    )


def test_nothing_found() -> None:
    assert score("no idea") == Score(
        value=0.0, correct=False, components={"format": 0.0, "answer": 0.0}
    )


@pytest.mark.parametrize("end", ["\n", "\n<|endoftext|>", "\n\n", "\nDone."])
def test_a_newline_behind_the_answer_costs_everything(end: str) -> None:
    assert score("<answer>6+4*5</answer>" + end).value == 0.0


@pytest.mark.parametrize("end", ["", " ", "\r", "\x0b", "<|endoftext|>", " Done."])
def test_the_rest_of_the_line_does_not_matter(end: str) -> None:
    assert score("<answer>6+4*5</answer>" + end).value == 1.0


def test_the_marker_may_be_in_the_prompt_or_the_response() -> None:
    assert score("Assistant: <answer>6+4*5</answer>", prompt="").value == 1.0
    assert score("<answer>6+4*5</answer>", prompt="<|im_start|>assistant\n").value == 1.0
    assert score("<answer>6+4*5</answer>", prompt="assistant: ").value == 0.0
    assert score(" no", prompt="<answer>6+4*5</answer> Assistant:").value == 0.0


@pytest.mark.parametrize("answer", ["(4)(5)+6", "4*5+06", "4 5+6", "4*5+6=26", "4*5+6#", "...", ""])
def test_what_is_no_expression_earns_the_format_mark(answer: str) -> None:
    assert score(f"<answer>{answer}</answer>").value == 0.1


def test_a_power_tower_earns_the_format_mark_at_once() -> None:
    assert score("<answer>9**9**9</answer>", numbers=[9, 9, 9]).value == 0.1


@pytest.mark.parametrize(
    "problem",
    [
        {"numbers": [4, "5", 6]},
        {"numbers": None},
        {"numbers": 456},
        {"target": None},
        {"target": "26"},
        {"target": math.nan},
        {"target": math.inf},
    ],
)
def test_a_problem_that_no_answer_solves_earns_the_format_mark(problem: dict[str, Any]) -> None:
    assert score("<answer>6+4*5</answer>", **problem).value == 0.1


def test_numbers_may_be_floats() -> None:
    assert score("<answer>6+4*5</answer>", numbers=[4.0, 5, 6.0], target=26.0).value == 1.0


def test_complex_values_count_by_their_distance() -> None:
    numbers = [0, 0, 4, 4, 5, 5]
    answer = "<answer>(0-4)**.5*(0-4)**.5</answer>"
    assert score(answer, numbers=numbers, target=-4).value == 1.0
    assert score(answer, numbers=numbers, target=4).value == 0.1


@pytest.mark.parametrize("truth", [None, 26, '{"target": 26}', {"target": 26}, {"numbers": [26]}])
def test_countdown_refuses_a_ground_truth_of_another_form(truth: Any) -> None:
    with pytest.raises(DataError, match="target"):
        countdown(Sample(prompt="", response="", ground_truth=truth))


def product(response: str, truth: Any = 391, prompt: str = "Assistant:") -> float:
    return multiply(Sample(prompt=prompt, response=response, ground_truth=truth)).value


@pytest.mark.parametrize("truth", [391, "391", " 391 ", 391.0, {"product": 391}])
def test_multiply_takes_the_truth_in_several_forms(truth: Any) -> None:
    assert product("<answer>391</answer>\nDone.\n", truth) == 1.0


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("392", 0.1),
        ("-391", 0.1),
        ("+0_391", 1.0),
        ("٣٩١", 1.0),
        ("391.0", 0.0),
        ("3_", 0.0),
        ("1" * 5000, 0.0),
        ("17*23", 0.0),
        ("", 0.0),
    ],
)
def test_multiply_reads_integers_as_python_does(answer: str, value: float) -> None:
    assert product(f"<answer>{answer}</answer>") == value


def test_multiply_knows_one_marker() -> None:
    assert product("<answer>391</answer>", prompt="<|im_start|>assistant\n") == 0.0


@pytest.mark.parametrize("truth", [None, "many", {"target": 391}, math.inf])
def test_multiply_refuses_a_truth_that_is_no_integer(truth: Any) -> None:
    with pytest.raises(DataError, match="product"):
        product("<answer>391</answer>", truth)


@pytest.mark.parametrize(
    "path",
    [ROOT / "reproductions/tinyzero/golden.jsonl", ROOT / "../shared/golden/tinyzero.jsonl"],
    ids=["own", "recorded"],
)
def test_every_golden_case_agrees(path: Path) -> None:
    if not path.exists():
        pytest.skip("the recorded verdicts of upstream's scorers are not beside the project")
    result = conform(path, load_card("tinyzero"))
    assert not result.disagreements, report(result)
    assert not result.uncovered
