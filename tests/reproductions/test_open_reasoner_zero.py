"""Open-Reasoner-Zero: its reward, its prompt, and what verl is told."""

import time
from pathlib import Path
from typing import Any

import pytest

from evals.grading.claimants import orz
from harness.data.prompts import render
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.spec import RunSpec
from harness.verl.emit import emit
from reproductions.open_reasoner_zero.reward import right_and_stopped
from tests.composing import spec_of

PROMPT = (
    "A conversation between User and Assistant. The User asks a question, and the Assistant solves "
    "it. The Assistant first thinks about the reasoning process in the mind and then provides the "
    "User with the answer. The reasoning process is enclosed within <think> </think> and answer is "
    "enclosed within <answer> </answer> tags, respectively, i.e., <think> reasoning process here "
    "</think> <answer> answer here </answer>. User: You must put your answer inside <answer> "
    "</answer> tags, i.e., <answer> answer here </answer>. And your final answer will be extracted "
    "automatically by the \\boxed{} tag.\n"
    "This is the problem:\n"
    "What is $\\frac{1}{2}$ of {4}?\n"
    "Assistant: <think>"
)
RIGHT = "so </think> <answer>\\boxed{12}</answer>"


def run_of(hardware: str = "32xA800") -> RunSpec:
    return spec_of("+repro=open_reasoner_zero", f"hardware={hardware}")


def score(response: str, truth: Any = "12", **sample: Any) -> Score:
    return right_and_stopped(Sample(prompt="", response=response, ground_truth=truth, **sample))


@pytest.mark.parametrize("hardware", ["cpu", "32xA800"])
def test_the_prompt(hardware: str) -> None:
    data = run_of(hardware).data
    shown = render(data.template, {"problem": "What is $\\frac{1}{2}$ of {4}?"})
    assert (data.render, shown) == ("raw", PROMPT)


def test_the_evaluation_shows_problems_as_training_does() -> None:
    run = run_of()
    assert run.eval.prompt is not None
    shown = run.eval.prompt.template.replace("{problem}", "What is $\\frac{1}{2}$ of {4}?")
    assert (run.eval.prompt.render, shown) == ("raw", PROMPT)


def test_right_and_stopped() -> None:
    assert score(RIGHT, {"answer": "12"}) == Score(
        value=1.0,
        correct=True,
        extracted="\\boxed{12}",
        components={"format": 1.0, "answer": 1.0, "stopped": 1.0},
    )


def test_a_response_that_the_limit_ended_earns_nothing() -> None:
    cut = score(RIGHT, truncated=True)
    assert (cut.value, cut.correct, cut.components["answer"]) == (0.0, False, 1.0)


def test_the_engines_word_goes_before_the_samples() -> None:
    finished = Sample(prompt="", response=RIGHT, ground_truth="12")
    assert right_and_stopped(finished, stop_reason="length").value == 0.0
    assert right_and_stopped(finished, stop_reason="stop").value == 1.0


def test_components_are_always_the_same() -> None:
    assert set(score("no idea").components) == set(score(RIGHT).components)


@pytest.mark.parametrize(
    ("response", "box"),
    [
        ("<answer>\\boxed{1}</answer> \\boxed{2}</answer>", "\\boxed{1}</answer> \\boxed{2}"),
        ("\\boxed{0} <answer>\\boxed{1} and } so</answer> }", "\\boxed{1} and }"),
        ("<answer>\\boxed{1}", None),
        ("<answer>\\boxed{1</answer>}", None),
        ("</answer><answer>\\boxed{1}", None),
        ("\\boxed{1}</answer>", None),
    ],
)
def test_the_box_is_what_upstreams_pattern_takes(response: str, box: str | None) -> None:
    assert orz.extracted(response) == box


@pytest.mark.parametrize("piece", ["<answer>", "<answer>\\boxed{", "\\boxed{}</answer>", "\\sqrt"])
def test_hostile_responses_take_little_time(piece: str) -> None:
    start = time.process_time()
    assert not orz.grade({"answer": "12"}, "<answer>" + piece * 4000).correct
    assert time.process_time() - start < 1.0


def test_one_update_of_the_policy_and_sixteen_of_the_critic() -> None:
    keys = emit(run_of(), Path("/run"), None)
    assert keys["actor_rollout_ref.actor.ppo_mini_batch_size"] == keys["data.train_batch_size"]
    assert keys["critic.ppo_mini_batch_size"] * 16 == keys["data.train_batch_size"] == 128
    assert keys["critic.cliprange_value"] == 0.2
    assert keys["reprise.stop"] == ["User:", "Human:", "Assistant:", "</answer>"]
    assert keys["actor_rollout_ref.rollout.val_kwargs.temperature"] == 1.0


def test_nothing_is_unexplained() -> None:
    assert fidelity(run_of()).problems() == []
