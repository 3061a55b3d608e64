"""Trainers without Ray, for the tests of what ours changes of verl's."""

from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf
from verl.trainer.ppo.v1 import trainer_base

from harness.verl.plugins.trainer import Trainer

SAMPLED_AT = 0.6


def config(**ours: Any) -> DictConfig:
    """The part of verl's configuration that the trainer reads, and ours."""
    settings = {
        "log_prob_temperature": SAMPLED_AT,
        "mask_truncated": False,
        "std_epsilon": 1e-6,
        "whiten_advantages": False,
        "kl_loss_aggregation": None,
        "kl_loss_token_limit": None,
        "filter_groups": {"metric": None, "prompts_per_batch": None, "max_batches": None},
        "group_reward": None,
        "group_reward_arguments": {},
        "batch_reward": None,
        "batch_reward_arguments": {},
        "monitor": {"file": None, "every": None, "samples": None},
        "dense_reward": {"function": None, "arguments": {}, "gamma": None},
        "selection": {
            "train_group_size": None,
            "drop_groups": None,
            "pruning": None,
            "mini_batch": {"actor": 4},
        },
        "adaptive_entropy": None,
        "preference_loss": None,
    }
    actor = {
        "_target_": "verl.workers.config.FSDPActorConfig",
        "strategy": "fsdp2",
        "rollout_n": 2,
        "use_dynamic_bsz": True,
        "use_kl_loss": True,
        "kl_loss_coef": 0.04,
        "kl_loss_type": "k3",
        "loss_agg_mode": "seq-mean-token-mean",
        "loss_scale_factor": None,
        "ppo_mini_batch_size": 2,
        "ppo_epochs": 1,
        "calculate_entropy": True,
        "entropy_coeff": 0.0,
        "data_loader_seed": 1,
        "shuffle": False,
    }
    critic = {"enable": False, "ppo_mini_batch_size": 2, "ppo_epochs": 1, "shuffle": False}
    sampler = {
        "custom_sampler": {
            "path": "pkg://harness.verl.replay_buffer",
            "name": "StrictReplayBuffer",
        },
        "max_off_policy_threshold": None,
        "max_off_policy_strategy": "drop",
        "sampler_kwargs": {},
    }
    made = OmegaConf.create(
        {
            "reprise": settings | ours,
            "algorithm": {"use_kl_in_reward": False, "norm_adv_by_std_in_grpo": True},
            "actor_rollout_ref": {
                "model": {"path": "m"},
                "actor": actor,
                "rollout": {"n": 2, "temperature": SAMPLED_AT, "calculate_log_probs": False},
            },
            "critic": critic | {"data_loader_seed": 1},
            "data": {"max_response_length": 48, "train_batch_size": 4, "seed": 1},
            "trainer": {
                "v1": {"trainer_mode": "reprise", "sync": {}, "sampler": sampler},
                "total_epochs": 3,
                "save_freq": 4,
                "test_freq": 2,
                "val_before_train": False,
                "default_local_dir": "checkpoints",
            },
        }
    )
    OmegaConf.set_struct(made, True)
    return made


def builder(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trainer]:
    """Makes a trainer with these settings below `reprise.`."""
    monkeypatch.setattr(trainer_base, "build_checkpoint_callback", lambda _: None)
    monkeypatch.setattr(
        trainer_base, "RolloutMoELoadBalanceMetricsAccumulator", lambda model_config: None
    )
    return lambda **ours: Trainer(config(**ours))
