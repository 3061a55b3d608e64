"""Logic-RL: the scoring rule, the prompt, the curriculum's chain, and verl's keys."""

from pathlib import Path
from typing import Any

import pytest

from harness.chain import legs
from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.errors import DataError
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.verl.emit import NO_DUAL_CLIP, RAW_CHAT_TEMPLATE, emit
from reproductions.logic_rl.reward import kk, unscorable
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


def score(response: str, gold: Any = GOLD, prompt: str = PROMPT) -> Score:
    return kk(Sample(prompt=prompt, response=response, ground_truth=gold))


@pytest.mark.parametrize("name", ["logic_rl", "logic_rl_curriculum"])
def test_the_prompt(name: str) -> None:
    for spec in (recipe(name), spec_of(f"+repro={name}")):
        row = {"quiz": "Who is who?", "solution_text_format": GOLD}
        fields = columns_of(spec.data).pick(row, "a row")
        assert render(spec.data.template, fields) == PROMPT
        assert fields["solution"] == GOLD
        assert spec.data.render == "raw"


def test_marks_and_components() -> None:
    assert score(f" so </think>\n<answer>{GOLD}</answer><|im_end|>") == Score(
        value=3.0, correct=True, extracted=GOLD, components={"format": 1.0, "answer": 2.0}
    )
    assert score(" so </think><answer>Ada is a knave, Bo is a knave</answer>").value == -0.5
    assert score(" so </think><answer>nobody knows</answer>").value == -1.0
    assert score("<think></think><answer>Ada is a knight, Bo is a knave</answer>") == Score(
        value=-3.0, correct=False, components={"format": -1.0, "answer": -2.0}
    )


def test_names_are_read_as_they_stand() -> None:
    odd = "(1) A is a knight"
    assert score("</think><answer>A is a knight</answer>", odd).value == 3.0
    assert score("</think><answer>Ab is a knight</answer>", odd).value == -1.0


def test_the_gold_may_be_a_field() -> None:
    assert score(f"</think><answer>{GOLD}</answer>", {"solution": GOLD}).value == 3.0
    assert unscorable({"solution": GOLD}) is None
    assert "no role" in str(unscorable({"solution": "nobody"}))


@pytest.mark.parametrize("gold", [None, 7, {"answer": GOLD}, ["Ada is a knight"]])
def test_a_gold_of_another_form_is_refused(gold: Any) -> None:
    with pytest.raises(DataError, match="solution"):
        score("", gold)


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
