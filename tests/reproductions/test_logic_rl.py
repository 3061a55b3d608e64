"""Logic-RL: the prompt, the curriculum's chain, and verl's keys."""

from pathlib import Path

import pytest

from harness.chain import legs
from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.verl.emit import NO_DUAL_CLIP, RAW_CHAT_TEMPLATE, emit
from tests.composing import spec_of

PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant. The assistant first thinks about the "
    "reasoning process in the mind and then provides the user with the answer. The reasoning "
    "process and answer are enclosed within <think> </think> and<answer> </answer> tags, "
    "respectively, i.e., <think> reasoning process here </think><answer> answer here </answer>.  "
    "Now the user asks you to solve a logical reasoning problem. After thinking, when you finally "
    "reach a conclusion, clearly state the identity of each character within <answer> </answer> "
    "tags. i.e., <answer> (1) Zoey is a knight\n(2) ... </answer>.\n<|im_end|>\n"
    "<|im_start|>user\nWho is who?\n<|im_end|>\n<|im_start|>assistant\n<think>"
)
GOLD = "(1) Ada is a knight\n(2) Bo is a knave"


@pytest.mark.parametrize("name", ["logic_rl", "logic_rl_curriculum"])
def test_the_prompt(name: str) -> None:
    for spec in (recipe(name), spec_of(f"+repro={name}")):
        row = {"quiz": "Who is who?", "solution_text_format": GOLD}
        fields = columns_of(spec.data).pick(row, "a row")
        assert render(spec.data.template, fields) == PROMPT
        assert fields["solution"] == GOLD
        assert spec.data.render == "raw"


@pytest.mark.parametrize("name", ["logic_rl", "logic_rl_curriculum"])
def test_fidelity(name: str) -> None:
    assert fidelity(recipe(name)).problems() == []


def test_the_keys_of_the_grpo_script() -> None:
    keys = emit(recipe("logic_rl"), Path("/run"), None)
    actor = "actor_rollout_ref.actor"
    assert keys["algorithm.adv_estimator"] == "grpo"
    assert keys[f"{actor}.clip_ratio_c"] == NO_DUAL_CLIP
    assert keys[f"{actor}.entropy_coeff"] == 0.001
    assert (keys[f"{actor}.use_kl_loss"], keys["algorithm.use_kl_in_reward"]) == (True, False)
    assert keys["actor_rollout_ref.model.custom_chat_template"] == RAW_CHAT_TEMPLATE


def test_each_level_starts_from_the_one_before() -> None:
    chain = legs(recipe("logic_rl_curriculum"))
    assert [leg.name for leg in chain] == ["3ppl", "4ppl", "5ppl", "6ppl", "7ppl"]
    assert [leg.spec.data.source.split for leg in chain] == [leg.name for leg in chain]  # type: ignore[union-attr]
    keys = emit(chain[1].spec, Path("/run/stages/4ppl"), 112)
    assert keys["actor_rollout_ref.model.path"] == "/run/stages/3ppl/model"
    assert keys["algorithm.adv_estimator"] == "reinforce_plus_plus"
    assert keys["actor_rollout_ref.actor.optim.clip_grad"] == 4.0
    assert keys["trainer.total_epochs"] == 1


def test_the_miniature_keeps_two_levels() -> None:
    chain = legs(spec_of("+repro=logic_rl_curriculum"))
    people = [leg.spec.data.source.arguments["people"] for leg in chain]  # type: ignore[union-attr]
    assert people == [2, 3]
