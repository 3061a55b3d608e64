"""JustRL: its translation to verl key by key, the box rule at its edges, and its miniature."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.rewards import Sample
from harness.spec import RLAlgorithm, RunSpec
from harness.verl.emit import emit
from reproductions.justrl.reward import strict_box
from tests.composing import spec_of

TRANSLATION = {
    "algorithm.adv_estimator": "grpo",
    "algorithm.norm_adv_by_std_in_grpo": True,
    "algorithm.use_kl_in_reward": False,
    "data.train_batch_size": 256,
    "data.max_prompt_length": 1024,
    "data.max_response_length": 15360,
    "data.shuffle": True,
    "data.seed": 1,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 64,
    "actor_rollout_ref.actor.ppo_epochs": 1,
    "actor_rollout_ref.actor.clip_ratio_low": 0.2,
    "actor_rollout_ref.actor.clip_ratio_high": 0.28,
    "actor_rollout_ref.actor.clip_ratio_c": 10.0,
    "actor_rollout_ref.actor.loss_agg_mode": "token-mean",
    "actor_rollout_ref.actor.entropy_coeff": 0.0,
    "actor_rollout_ref.actor.use_kl_loss": False,
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.actor.optim.weight_decay": 0.1,
    "actor_rollout_ref.actor.optim.betas": [0.9, 0.999],
    "actor_rollout_ref.actor.optim.lr_warmup_steps": 10,
    "actor_rollout_ref.actor.optim.lr_scheduler_type": "constant",
    "actor_rollout_ref.actor.optim.clip_grad": 1.0,
    "actor_rollout_ref.rollout.n": 8,
    "actor_rollout_ref.rollout.temperature": 1.0,
    "actor_rollout_ref.rollout.top_p": 1.0,
    "actor_rollout_ref.rollout.top_k": -1,
    "actor_rollout_ref.rollout.val_kwargs.n": 32,
    "actor_rollout_ref.rollout.val_kwargs.temperature": 0.7,
    "actor_rollout_ref.rollout.val_kwargs.top_p": 0.9,
    "trainer.total_epochs": 1,
    "trainer.test_freq": 50,
    "trainer.save_freq": 50,
    "trainer.val_before_train": True,
}
SPECIAL = ("<\uff5cend▁of▁sentence\uff5c>", "<|im_end|>")


@cache
def full(name: str) -> RunSpec:
    return spec_of(f"+repro={name}", "hardware=32xA800")


@cache
def emitted(name: str, steps: int) -> dict[str, Any]:
    return emit(full(name), Path("/run"), steps)


def sample(response: str) -> Sample:
    return Sample(prompt="", response=response, ground_truth={"answer": "34"})


@pytest.mark.parametrize(("name", "steps"), [("justrl", 4380), ("justrl_nemotron", 3440)])
def test_both_runs_are_the_translation_of_one_script(name: str, steps: int) -> None:
    keys = emitted(name, steps)
    assert {key: keys[key] for key in TRANSLATION} == TRANSLATION
    assert full(name).schedule.steps == keys["trainer.total_training_steps"] == steps


def test_the_runs_differ_in_base_and_length_only() -> None:
    first, second = emitted("justrl", 4380), emitted("justrl_nemotron", 3440)
    changed = {key for key in first | second if first.get(key) != second.get(key)}
    assert {key for key in changed if "model" not in key and "path" not in key} <= {
        "trainer.total_training_steps",
        "trainer.experiment_name",
    }


def test_the_end_token_is_none_of_the_last_hundred_characters() -> None:
    edge = "\\boxed{34}" + "." * 90
    assert strict_box(sample(edge)).value == 1.0
    assert strict_box(sample(edge + SPECIAL[0])).value == -1.0
    assert strict_box(sample(edge + SPECIAL[0]), special_tokens=SPECIAL).value == 1.0


def test_the_recipes_reward_knows_the_end_tokens_of_both_bases() -> None:
    tokens = full("justrl").reward.arguments["special_tokens"]
    assert set(SPECIAL) <= set(tokens)


def test_a_right_answer_line_without_a_box_is_wrong() -> None:
    score = strict_box(sample("Answer: 34"))
    assert (score.value, score.correct, score.extracted) == (-1.0, False, None)


def test_the_suffix_stands_behind_the_published_prompt() -> None:
    row = {
        "prompt": [{"content": "Solve it.", "role": "user"}],
        "reward_model": {"ground_truth": "34"},
    }
    data = full("justrl").data
    shown = render(data.template, columns_of(data).pick(row, "row 1"))
    assert shown == (
        "Solve it.\n\nPlease reason step by step, and put your final answer within \\boxed{}."
    )


def test_the_evaluation_asks_with_the_same_suffix() -> None:
    prompt = full("justrl").eval.prompt
    assert prompt and full("justrl").data.template.replace("{{}}", "{}").endswith(
        prompt.template.removeprefix("{problem}")
    )
    shots = {b.name: b.samples_per_problem for b in full("justrl").eval.benchmarks}
    assert shots["aime24"] == shots["aime25"] == shots["amc23"] == 32
    assert shots["math500"] == shots["minerva"] == shots["olympiadbench"] == 4


def test_the_miniature_keeps_clips_and_updates_a_step() -> None:
    little, large = spec_of("+repro=justrl").algorithm, full("justrl").algorithm
    assert isinstance(little, RLAlgorithm) and isinstance(large, RLAlgorithm)
    for name in ("clip_low", "clip_high", "dual_clip", "loss_aggregation", "kl_loss"):
        assert getattr(little, name) == getattr(large, name)
    updates = [a.prompts_per_step // a.mini_batch_prompts for a in (little, large)]
    assert updates == [4, 4]
