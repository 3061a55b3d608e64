"""oat-zero: its countdown rule, its prompt, and what verl is told."""

import time
from typing import Any

import pytest

from harness.data.prompts import render
from harness.errors import DataError
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.spec import RLAlgorithm
from reproductions.oat_zero.reward import countdown
from tests.composing import spec_of

PROBLEM = {"target": 26, "numbers": [4, 5, 6]}
STOPS = ["</s>", "<|im_end|>", "<|endoftext|>", "\nUser:"]


def score(response: str, truth: Any = PROBLEM) -> Score:
    return countdown(Sample(prompt="", response=response, ground_truth=truth), cut_at=STOPS)


def test_right() -> None:
    assert score("</think>\n<answer>4*5+6</answer>") == Score(
        value=1.0, correct=True, extracted="4*5+6", components={"format": 1.0, "answer": 1.0}
    )


def test_wrong_earns_the_format_mark() -> None:
    assert score("<answer>4+5+6</answer>").value == 0.1


def test_nothing_found_has_the_same_components() -> None:
    assert score("no idea") == Score(
        value=0.0, correct=False, components={"format": 0.0, "answer": 0.0}
    )


@pytest.mark.parametrize("end", ["<|endoftext|>", "<|im_end|>\n", "\nUser:", "\nUser: and now?"])
def test_the_stop_that_ended_a_response_is_not_read(end: str) -> None:
    assert score("<answer>4*5+6</answer>" + end).value == 1.0


def test_a_newline_before_the_stop_costs_everything() -> None:
    assert score("<answer>4*5+6</answer>\n<|endoftext|>").value == 0.0


def test_the_problem_may_be_json_text() -> None:
    truth = {"gt_answer": '{"target": 26, "numbers": [4, 5, 6]}'}
    assert score("<answer>4*5+6</answer>", truth).value == 1.0


@pytest.mark.parametrize("truth", [None, {"target": 26}, {"gt_answer": "26"}, {"gt_answer": "{"}])
def test_a_ground_truth_of_another_form_is_refused(truth: Any) -> None:
    with pytest.raises(DataError, match="gt_answer"):
        score("<answer>4*5+6</answer>", truth)


@pytest.mark.parametrize(
    "response", ["<answer>9**9**9</answer>", "<answer>" * 20_000, "<answer>" + "(" * 20_000]
)
def test_hostile_responses_take_no_time(response: str) -> None:
    start = time.process_time()
    assert score(response, {"target": 9, "numbers": [9, 9, 9]}).value < 1.0
    assert time.process_time() - start < 1.0


def test_the_rows_of_the_hub_are_whole_prompts() -> None:
    data = spec_of("+repro=oat_zero", "hardware=8xA100").data
    assert data.render == "raw"
    assert render(data.template, {"input": "as {it} stands\n"}) == "as {it} stands\n"


def test_the_reward_cuts_at_the_stops_of_the_sampling() -> None:
    for hardware in ("cpu", "8xA100"):
        spec = spec_of("+repro=oat_zero", f"hardware={hardware}")
        assert isinstance(spec.algorithm, RLAlgorithm)
        assert spec.reward.arguments["cut_at"] == spec.algorithm.sampling.stop == STOPS


def test_nothing_is_unexplained() -> None:
    found = fidelity(spec_of("+repro=oat_zero", "hardware=8xA100"))
    assert found.problems() == []
