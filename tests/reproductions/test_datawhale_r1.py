"""Datawhale-R1: the Chinese conversation whose response the prompt begins, Mini-R1's rewards on
Chinese responses, its batch on its GPUs, and verl's keys."""

from pathlib import Path

import pytest

from harness.data.rendering import rendered, stored
from harness.data.tokens import load_tokenizer
from harness.errors import ConfigError
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.paths import model_path
from harness.rewards import Sample, Score
from harness.rewards.combine import weighted
from harness.verl.emit import RAW_CHAT_TEMPLATE, emit
from tests.composing import spec_of

PROMPT = (
    "<|im_start|>user\n使用给定的数字 [3, 5, 8]，创建一个等于 23 的方程。"  # noqa: RUF001
    "你可以使用基本算术运算（+、-、*、/）一次或多次，但每个数字只能使用一次。"  # noqa: RUF001
    "在 <think> </think> 标签中展示你的思考过程，并在 <answer> </answer> 标签中返回最终方程，"  # noqa: RUF001
    "例如 <answer> (1 + 2) / 3 </answer>。在 <think> 标签中逐步思考。<|im_end|>\n"
    "<|im_start|>assistant\n让我们逐步解决这个问题。\n<think>"
)
PROBLEM = {"target": 23, "numbers": [3, 5, 8]}


def total(response: str) -> Score:
    sample = Sample(prompt=PROMPT, response=response, ground_truth=PROBLEM)
    return weighted(sample, **recipe("datawhale_r1").reward.arguments)


def test_the_prompt_begins_the_response() -> None:
    small = spec_of("+repro=datawhale_r1")
    tokenizer = load_tokenizer(model_path(small.model))  # ChatML as Qwen's, without its system turn
    data = recipe("datawhale_r1").data
    seen, ids = rendered(data, tokenizer, {"nums": [3, 5, 8], "target": 23})
    assert seen == PROMPT
    assert tokenizer.decode(ids) == PROMPT
    assert stored(data, "unused", seen) == [{"role": "user", "content": PROMPT}]
    begun, _ = rendered(small.data, tokenizer, PROBLEM)
    assert begun.endswith("<|im_start|>assistant\n<think>")


def test_the_sum_of_two() -> None:
    assert total(" 先乘后加。 </think>\n<answer>5*3+8</answer><|im_end|>") == Score(
        value=2.0,
        correct=True,
        extracted="5*3+8",
        components={"format": 1.0, "equation": 1.0},
    )
    assert total(" 先乘后加。 </think>\n<answer>5+3+8</answer>").value == 1.0
    assert total("答案是 <answer>5*3+8</answer>").value == 1.0
    assert total("答案是 23").value == 0.0


def test_fidelity() -> None:
    assert fidelity(recipe("datawhale_r1")).problems() == []


def test_the_batch_spreads_over_two_gpus_and_not_over_three() -> None:
    assert spec_of("+repro=datawhale_r1", "hardware=2xA800").hardware.gpus_per_node == 2
    with pytest.raises(ConfigError, match="16 prompts x 8 responses = 128 does not divide over 3"):
        spec_of("+repro=datawhale_r1", "hardware=3xA800")


def test_the_keys() -> None:
    keys = emit(recipe("datawhale_r1"), Path("/run"), 450)
    assert keys["algorithm.adv_estimator"] == "reprise_grpo"
    assert keys["data.train_batch_size"] == 16
    assert keys["actor_rollout_ref.actor.ppo_mini_batch_size"] == 16
    assert (keys["data.seed"], keys["data.max_response_length"]) == (2025, 4096)
    assert keys["actor_rollout_ref.rollout.temperature"] == 0.9
    assert (keys["reprise.log_prob_temperature"], keys["reprise.std_epsilon"]) == (1.0, 1e-4)
    assert keys["actor_rollout_ref.model.custom_chat_template"] == RAW_CHAT_TEMPLATE
    assert keys["trainer.total_training_steps"] == 450
