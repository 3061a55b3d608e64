"""Unsloth's notebook: adapters, one prompt a step, and what its two revisions differ in."""

from pathlib import Path
from typing import Any

from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.verl.emit import emit
from tests.composing import spec_of


def keys(name: str) -> dict[str, Any]:
    return dict(emit(recipe(name), Path("/run"), 250))


def test_a_step_is_one_group_under_adapters() -> None:
    emitted = keys("unsloth_grpo")
    wanted = {
        "data.train_batch_size": 1,
        "actor_rollout_ref.actor.ppo_mini_batch_size": 1,
        "actor_rollout_ref.rollout.n": 6,
        "actor_rollout_ref.model.lora_rank": 32,
        "actor_rollout_ref.model.lora_alpha": 32,
        "actor_rollout_ref.actor.kl_loss_coef": 0.001,
        "actor_rollout_ref.actor.loss_agg_mode": "token-mean",
        "trainer.total_training_steps": 250,
    }
    assert {key: emitted[key] for key in wanted} == wanted


def test_what_the_revisions_differ_in() -> None:
    now, then = keys("unsloth_grpo"), keys("unsloth_grpo_february_2025")
    assert {key: then[key] for key in now | then if now[key] != then[key]} == {
        "data.max_response_length": 200,
        "actor_rollout_ref.rollout.max_model_len": 256 + 200,
        "actor_rollout_ref.rollout.temperature": 0.9,
        "actor_rollout_ref.actor.kl_loss_coef": 0.04,
        "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
        "actor_rollout_ref.actor.optim.weight_decay": 0.1,
    }
    earlier = recipe("unsloth_grpo_february_2025").algorithm
    assert earlier.kind == "rl" and earlier.log_prob_temperature == 1.0


def test_what_cannot_be_expressed_is_named() -> None:
    for name in ("unsloth_grpo", "unsloth_grpo_february_2025"):
        lost = {r.key for r in fidelity(recipe(name)).legs[0].rows if r.status == "not expressible"}
        assert lost == {"load_in_4bit", "optim"}


def test_the_miniature_has_adapters_as_well() -> None:
    algorithm = spec_of("+repro=unsloth_grpo").algorithm
    assert algorithm.kind == "rl" and algorithm.lora is not None and algorithm.lora.rank == 32
