"""oat-zero's keys for verl, worked out from its script, its framework's defaults and its code."""

from pathlib import Path
from typing import Any

import pytest

from harness.verl.emit import emit
from tests.composing import spec_of

ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"

WANTED: dict[str, Any] = {
    # 128 prompts of 8 responses; train_batch_size counts responses
    "data.train_batch_size": 128,
    f"{ROLLOUT}.n": 8,
    f"{ACTOR}.ppo_mini_batch_size": 16,
    f"{ACTOR}.ppo_epochs": 1,
    f"{ACTOR}.shuffle": True,
    "data.max_prompt_length": 256,
    "data.max_response_length": 1024,
    "trainer.total_epochs": 1,
    # the advantage: deviation + 1e-4, then whitened
    "algorithm.adv_estimator": "reprise_grpo",
    "algorithm.norm_adv_by_std_in_grpo": True,
    "reprise.std_epsilon": 1e-4,
    "reprise.whiten_advantages": True,
    # the loss: response means, one clip range, the engine's log-probabilities
    "algorithm.rollout_correction.bypass_mode": True,
    "algorithm.rollout_correction.rollout_is": None,
    f"{ACTOR}.policy_loss.loss_mode": "vanilla",
    f"{ACTOR}.loss_agg_mode": "seq-mean-token-mean",
    f"{ACTOR}.clip_ratio_low": 0.2,
    f"{ACTOR}.clip_ratio_high": 0.2,
    f"{ACTOR}.clip_ratio_c": 1e6,
    f"{ACTOR}.entropy_coeff": 0.0,
    # KL: k3 within [0, 10], summed over a response, in the loss only
    "algorithm.use_kl_in_reward": False,
    f"{ACTOR}.use_kl_loss": True,
    f"{ACTOR}.kl_loss_coef": 0.001,
    f"{ACTOR}.kl_loss_type": "low_var_kl",
    "reprise.kl_loss_aggregation": "seq-mean-token-sum",
    "reprise.kl_loss_token_limit": 10.0,
    # AdamW, cosine to a tenth, practically no warm-up
    f"{ACTOR}.optim.lr": 1e-6,
    f"{ACTOR}.optim.betas": [0.9, 0.95],
    f"{ACTOR}.optim.weight_decay": 0.0,
    f"{ACTOR}.optim.clip_grad": 1.0,
    f"{ACTOR}.optim.lr_scheduler_type": "cosine",
    f"{ACTOR}.optim.min_lr_ratio": 0.1,
    f"{ACTOR}.optim.lr_warmup_steps": -1,
    f"{ACTOR}.optim.lr_warmup_steps_ratio": 1e-7,
    # sampling and its ends
    f"{ROLLOUT}.temperature": 1.0,
    f"{ROLLOUT}.top_p": 0.9,
    f"{ROLLOUT}.top_k": -1,
    "reprise.stop": ["</s>", "<|im_end|>", "<|endoftext|>", "\nUser:"],
    "reprise.stop_token_ids": [151645, 151643],
    # validation: greedy, before the first step and every eighth
    "trainer.test_freq": 8,
    "trainer.val_before_train": True,
    f"{ROLLOUT}.val_kwargs.temperature": 0.0,
    f"{ROLLOUT}.val_kwargs.top_p": 0.95,
    f"{ROLLOUT}.val_kwargs.n": 1,
    # prompts go in as they are
    "actor_rollout_ref.model.custom_chat_template": (
        '{% for m in messages %}{{ m["content"] }}{% endfor %}'
    ),
    "actor_rollout_ref.model.path": "Qwen/Qwen2.5-3B",
    "critic.enable": False,
}


@pytest.fixture(scope="module")
def emitted() -> dict[str, Any]:
    return emit(spec_of("+repro=oat_zero", "hardware=8xA100"), Path("/run"), None)


@pytest.mark.parametrize("key", WANTED)
def test_the_key_says_what_upstream_does(key: str, emitted: dict[str, Any]) -> None:
    assert emitted[key] == WANTED[key]
