"""Open R1: its reward functions, the prompt, and the translation to verl's keys."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.errors import ConfigError, DataError
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.rewards.combine import weighted
from harness.verl.emit import RAW_CHAT_TEMPLATE, emit
from reproductions.open_r1 import reward
from tests.composing import spec_of

BAR = "\N{FULLWIDTH VERTICAL LINE}"
BEGIN, END = f"<{BAR}begin▁of▁sentence{BAR}>", f"<{BAR}end▁of▁sentence{BAR}>"
PROMPT = (
    f"{BEGIN}You are a helpful AI Assistant that provides well-reasoned and detailed responses. "
    "You first think about the reasoning process as an internal monologue and then provide the "
    "user with the answer. Respond in the following format: <think>\n...\n</think>\n"
    f"<answer>\n...\n</answer><{BAR}User{BAR}>What is 3 + 4?<{BAR}Assistant{BAR}>"
)
FORM = "<think>\nso\n</think>\n<answer>\n{}\n</answer>"


def sample(response: str, gold: Any = "$7$") -> Sample:
    return Sample(prompt=PROMPT, response=response, ground_truth=gold)


def total(response: str) -> Score:
    arguments = recipe("open_r1").reward.arguments
    return weighted(sample(response, {"solution": "We add, so $x=7$."}), **arguments)


def test_the_prompt() -> None:
    row = {"problem": "What is 3 + 4?", "solution": "7", "answer": "7"}
    for spec in (recipe("open_r1"), spec_of("+repro=open_r1")):
        assert render(spec.data.template, columns_of(spec.data).pick(row, "a row")) == PROMPT


def test_the_sum_of_three() -> None:
    assert total(FORM.format(r"\boxed{7}") + END) == Score(
        value=3.0,
        correct=True,
        extracted="7",
        components={"accuracy": 1.0, "format": 1.0, "tag_count": 1.0},
    )
    assert total(FORM.format(r"\boxed{8}")).value == 2.0
    assert total(r"\boxed{7}").value == 1.0
    assert total("<think>\n").value == 0.25


def test_golds_that_cannot_be_read_are_left_out() -> None:
    assert reward.unreadable({"solution": "We add, so $x=7$."}) is None
    assert "no answer" in str(reward.unreadable({"solution": "it is proven"}))
    assert reward.accuracy(sample(r"\boxed{7}", "it is proven")).value == 0.0


def test_a_gold_of_another_form_is_refused() -> None:
    with pytest.raises(DataError, match="solution"):
        reward.accuracy(sample("", {"answer": "7"}))


def test_a_penalty_that_rewards_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 or less"):
        reward.repetition_penalty(sample("a"), params={"ngram_size": 2, "max_penalty": 0.5})


def test_fidelity() -> None:
    assert fidelity(recipe("open_r1")).problems() == []


def test_the_keys() -> None:
    keys = emit(recipe("open_r1"), Path("/run"), None)
    actor = "actor_rollout_ref.actor"
    assert keys["algorithm.adv_estimator"] == "reprise_grpo"
    assert (keys["reprise.std_epsilon"], keys["reprise.log_prob_temperature"]) == (1e-4, 0.7)
    assert keys["data.train_batch_size"] * keys["actor_rollout_ref.rollout.n"] == 512
    assert (keys[f"{actor}.kl_loss_coef"], keys[f"{actor}.loss_agg_mode"]) == (0.04, "token-mean")
    assert keys[f"{actor}.optim.lr_scheduler_type"] == "cosine"
    assert keys[f"{actor}.optim.min_lr_ratio"] == 0.1
    assert keys[f"{actor}.optim.lr_warmup_steps_ratio"] == 0.1
    assert keys["actor_rollout_ref.model.custom_chat_template"] == RAW_CHAT_TEMPLATE
    assert "weighted" in json.dumps(keys)
