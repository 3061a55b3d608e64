"""Mini-R1: its two rules, the conversation whose response the prompt begins, and verl's keys."""

from pathlib import Path
from typing import Any

import pytest

from harness.data.rendering import rendered, stored
from harness.data.tokens import load_tokenizer
from harness.errors import DataError
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.paths import model_path
from harness.rewards import Sample, Score
from harness.rewards.combine import weighted
from harness.verl.emit import RAW_CHAT_TEMPLATE, emit
from reproductions.mini_r1.reward import equation, format
from tests.composing import spec_of

PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant. You first thinks about the reasoning process "
    "in the mind and then provides the user with the answer.<|im_end|>\n<|im_start|>user\nUsing "
    "the numbers [4, 5, 6], create an equation that equals 26. You can use basic arithmetic "
    "operations (+, -, *, /) one or multiple times but each number can only be used once. Show "
    "your work in <think> </think> tags. And return the final equation in <answer> </answer> tags, "
    "for example <answer> (1 + 2) / 3 </answer>. Think step by step inside <think> tags.<|im_end|>"
    "\n<|im_start|>assistant\nLet me solve this step by step.\n<think>"
)
PROBLEM = {"target": 26, "numbers": [4, 5, 6]}
SOLVED = " hm </think>\n<answer>4*5+6</answer>"


def sample(response: str, **problem: Any) -> Sample:
    return Sample(prompt=PROMPT, response=response, ground_truth={**PROBLEM, **problem})


def total(response: str) -> Score:
    return weighted(sample(response), **recipe("mini_r1").reward.arguments)


def test_the_prompt_begins_the_response() -> None:
    small = spec_of("+repro=mini_r1")
    tokenizer = load_tokenizer(model_path(small.model))  # its chat template is ChatML, as Qwen's
    row = {"nums": [4, 5, 6], "target": 26}
    seen, ids = rendered(recipe("mini_r1").data, tokenizer, row)
    assert seen == PROMPT
    assert tokenizer.decode(ids) == PROMPT
    assert stored(recipe("mini_r1").data, "unused", seen) == [{"role": "user", "content": PROMPT}]
    begun, _ = rendered(small.data, tokenizer, PROBLEM)
    assert begun == PROMPT


def test_the_sum_of_two() -> None:
    assert total(SOLVED + "<|im_end|>") == Score(
        value=2.0,
        correct=True,
        extracted="4*5+6",
        components={"format": 1.0, "equation": 1.0},
    )
    assert total(" hm </think>\n<answer>4+5+6</answer>").value == 1.0
    assert total("<answer>4*5+6</answer>").value == 1.0
    assert total("").value == 0.0


def test_the_end_token_is_part_of_the_format_unless_it_is_taken_off() -> None:
    assert format(sample(SOLVED + "<|im_end|>")).value == 0.0


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("9**9**9", [9, 9, 9]),
        ("(0-4)**0.5", [0, 4, 0, 5]),
        ("4*5+" + "6" * 5000, [4, 5, 6]),
        ("4 5+6", [4, 5, 6]),
        ("", []),
        ("4*5+6", [4, 5, None]),
    ],
)
def test_what_has_no_real_value_earns_nothing(answer: str, numbers: list[Any]) -> None:
    assert equation(sample(f"<answer>{answer}</answer>", numbers=numbers)).value == 0.0


@pytest.mark.parametrize("truth", [None, {"target": 26}, [26]])
def test_a_ground_truth_of_another_form_is_refused(truth: Any) -> None:
    with pytest.raises(DataError, match="'target' and 'numbers'"):
        equation(Sample(prompt="", response="", ground_truth=truth))


def test_fidelity() -> None:
    assert fidelity(recipe("mini_r1")).problems() == []


def test_the_keys() -> None:
    keys = emit(recipe("mini_r1"), Path("/run"), 450)
    actor = "actor_rollout_ref.actor"
    assert keys["algorithm.adv_estimator"] == "reprise_grpo"
    assert keys["actor_rollout_ref.rollout.temperature"] == 0.9
    assert (keys["reprise.log_prob_temperature"], keys["reprise.std_epsilon"]) == (1.0, 1e-4)
    assert keys[f"{actor}.loss_agg_mode"] == "seq-mean-token-mean"
    assert keys[f"{actor}.optim.lr_warmup_steps_ratio"] == 0.03
    assert keys["actor_rollout_ref.model.custom_chat_template"] == RAW_CHAT_TEMPLATE
    assert keys["trainer.total_training_steps"] == 450
    spec_of("+repro=mini_r1", "hardware=3xA800")  # 24 x 8 responses divide over three GPUs
