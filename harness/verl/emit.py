"""RunSpec -> flat verl keys, one line a key; the pipeline runs them and `action=emit` prints them.

Every key that shapes the algorithm is written even where it equals verl's default, because
defaults move between verl releases.
"""

from pathlib import Path
from typing import Any

from harness.chain import start_path
from harness.data.prompts import shows_raw
from harness.fit import fit
from harness.spec import Optimizer, RLAlgorithm, RunSpec, SFTAlgorithm
from harness.verl.emit_plugins import plugin_keys
from harness.verl.keys import check_keys

Keys = dict[str, Any]

RAW_CHAT_TEMPLATE = '{% for m in messages %}{{ m["content"] }}{% endfor %}'
"""Passes message contents through untouched: verl always applies a chat template."""

NO_DUAL_CLIP = 1e6
"""verl cannot switch dual clip off; a bound that no loss reaches does."""

PLUGIN = "pkg://harness.verl"

KL_ESTIMATORS = {"k1": "kl", "abs": "abs", "k2": "mse", "k3": "low_var_kl"}
"""Our name of a KL estimator -> verl's."""

VERL_STD_EPSILON = 1e-6
"""What verl's own GRPO adds to the group's standard deviation."""


def emit(spec: RunSpec, run_dir: Path, steps: int | None) -> Keys:
    """The verl keys of the training stage of one run.

    Args:
        spec: the frozen run.
        run_dir: absolute folder of the training; data, checkpoints and logs lie below it.
        steps: training steps in all; null where they follow from rows not prepared yet.

    Raises:
        ConfigError: a key of `spec.verl` is unknown to the pinned verl, or accepted and ignored.
    """
    algorithm = spec.algorithm
    if isinstance(algorithm, SFTAlgorithm):
        keys = _sft(spec, algorithm, run_dir, steps)
    else:
        keys = (
            _advantage(algorithm)
            | _data(spec, algorithm, run_dir)
            | _model("actor_rollout_ref.model", spec, run_dir)
            | _policy(spec, algorithm)
            | _reference(spec)
            | _rollout(spec, algorithm)
            | (_critic(spec, algorithm, run_dir) if algorithm.critic else {"critic.enable": False})
            | _reward(spec)
            | _trainer(spec, algorithm, run_dir, steps)
            | plugin_keys(spec, algorithm, run_dir)
            | _ray(spec)
        )
    check_keys(algorithm.kind, keys, spec.verl)
    return keys | spec.verl


def _advantage(algorithm: RLAlgorithm) -> Keys:
    kl = algorithm.kl_in_reward
    return {
        "algorithm.adv_estimator": _estimator(algorithm),
        "algorithm.gamma": algorithm.gamma,
        "algorithm.lam": algorithm.lam,
        "algorithm.norm_adv_by_std_in_grpo": algorithm.normalize_by_std,
        "algorithm.use_kl_in_reward": kl is not None,
        "algorithm.kl_penalty": KL_ESTIMATORS[kl.estimator if kl else "k1"],
        "algorithm.kl_ctrl.type": "fixed",
        "algorithm.kl_ctrl.kl_coef": kl.coef if kl else 0.0,
        "algorithm.filter_groups.enable": False,
        "algorithm.rollout_correction.rollout_is": None,
        "algorithm.rollout_correction.rollout_rs": None,
        "algorithm.rollout_correction.bypass_mode": algorithm.old_log_probs == "rollout",
        "algorithm.rollout_correction.loss_type": "ppo_clip",
    }


def _estimator(algorithm: RLAlgorithm) -> str:
    """verl's estimator, or ours where verl's lacks a setting."""
    ours = algorithm.std_epsilon != VERL_STD_EPSILON or algorithm.whiten_advantages
    return "reprise_grpo" if algorithm.advantage == "grpo" and ours else algorithm.advantage


def _data(spec: RunSpec, algorithm: RLAlgorithm, run_dir: Path) -> Keys:
    return {
        "data.train_files": str(run_dir / "data" / "train.parquet"),
        "data.val_files": str(run_dir / "data" / "test.parquet"),
        "data.train_batch_size": algorithm.prompts_per_step,
        "data.max_prompt_length": spec.data.max_prompt_tokens,
        "data.max_response_length": spec.data.max_response_tokens,
        "data.shuffle": spec.data.shuffle,
        "data.seed": spec.seed,
        "data.filter_overlong_prompts": False,
        "data.dataloader_num_workers": 0 if spec.hardware.device == "cpu" else 8,
    }


def _model(prefix: str, spec: RunSpec, run_dir: Path) -> Keys:
    keys: Keys = {
        f"{prefix}.path": start_path(spec, run_dir),
        f"{prefix}.trust_remote_code": spec.model.trust_remote_code,
        f"{prefix}.enable_gradient_checkpointing": spec.hardware.gradient_checkpointing,
        f"{prefix}.use_remove_padding": spec.hardware.remove_padding,
        f"{prefix}.override_config.attn_implementation": spec.hardware.attention,
    }
    if shows_raw(spec.data) and prefix != "critic.model":
        keys[f"{prefix}.custom_chat_template"] = RAW_CHAT_TEMPLATE
    return keys


def _lora(algorithm: RLAlgorithm) -> Keys:
    model, lora = "actor_rollout_ref.model", algorithm.lora
    if lora is None:
        return {f"{model}.lora_rank": 0}
    return {
        f"{model}.lora_rank": lora.rank,
        f"{model}.lora_alpha": lora.alpha,
        f"{model}.target_modules": lora.target_modules,
        # vLLM reads the base itself and then receives adapters only, which keeps their precision.
        "actor_rollout_ref.rollout.load_format": "safetensors",
    }


def _policy(spec: RunSpec, algorithm: RLAlgorithm) -> Keys:
    kl = algorithm.kl_loss
    actor = "actor_rollout_ref.actor"
    return {
        **_lora(algorithm),
        **_engine(actor, f"{actor}.fsdp_config", spec),
        f"{actor}.ppo_mini_batch_size": algorithm.mini_batch_prompts,
        f"{actor}.ppo_epochs": algorithm.epochs,
        f"{actor}.shuffle": algorithm.shuffle_mini_batches,
        f"{actor}.data_loader_seed": spec.seed,
        f"{actor}.use_dynamic_bsz": True,
        f"{actor}.ppo_max_token_len_per_gpu": fit(spec).tokens_per_gpu,
        f"{actor}.use_torch_compile": False,
        f"{actor}.policy_loss.loss_mode": "vanilla",
        f"{actor}.clip_ratio_low": algorithm.clip_low,
        f"{actor}.clip_ratio_high": algorithm.clip_high,
        f"{actor}.clip_ratio_c": algorithm.dual_clip or NO_DUAL_CLIP,
        f"{actor}.loss_agg_mode": algorithm.loss_aggregation,
        f"{actor}.loss_scale_factor": _loss_divisor(spec, algorithm),
        f"{actor}.entropy_coeff": algorithm.entropy_coef,
        f"{actor}.calculate_entropy": True,
        # The same numbers without several copies of all logits in fp32.
        f"{actor}.fsdp_config.entropy_from_logits_with_chunking": spec.hardware.device == "cuda",
        f"{actor}.use_kl_loss": kl is not None,
        f"{actor}.kl_loss_coef": kl.coef if kl else 0.0,
        f"{actor}.kl_loss_type": KL_ESTIMATORS[kl.estimator if kl else "k3"],
        **_optimizer(f"{actor}.optim", algorithm.optimizer),
        f"{actor}.checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        f"{actor}.checkpoint.load_contents": ["model", "optimizer", "extra"],
    }


def _loss_divisor(spec: RunSpec, algorithm: RLAlgorithm) -> float | None:
    if algorithm.loss_aggregation != "seq-mean-token-sum-norm":
        return None
    return algorithm.loss_divisor or spec.data.max_response_tokens


def _optimizer(prefix: str, optimizer: Optimizer) -> Keys:
    return {
        f"{prefix}.lr": optimizer.lr,
        f"{prefix}.weight_decay": optimizer.weight_decay,
        f"{prefix}.betas": list(optimizer.betas),
        f"{prefix}.clip_grad": optimizer.grad_clip,
        f"{prefix}.lr_scheduler_type": optimizer.schedule,
        f"{prefix}.lr_warmup_steps": -1 if optimizer.warmup_ratio else optimizer.warmup_steps,
        f"{prefix}.lr_warmup_steps_ratio": optimizer.warmup_ratio,
        f"{prefix}.min_lr_ratio": optimizer.min_lr_ratio,
    }


def _engine(role: str, fsdp: str, spec: RunSpec) -> Keys:
    hardware, offload = spec.hardware, fit(spec).offload
    keys: Keys = {
        f"{role}.strategy": "fsdp2",
        f"{fsdp}.strategy": "fsdp2",
        f"{fsdp}.model_dtype": "fp32",
        f"{fsdp}.mixed_precision.param_dtype": hardware.precision,
        f"{fsdp}.param_offload": offload,
        f"{fsdp}.use_torch_compile": False,
        f"{fsdp}.seed": spec.seed,
    }
    if not role.endswith(".ref"):
        keys[f"{fsdp}.optimizer_offload"] = offload
    return keys


def _reference(spec: RunSpec) -> Keys:
    ref = "actor_rollout_ref.ref"
    return {
        **_engine(ref, f"{ref}.fsdp_config", spec),
        f"{ref}.log_prob_use_dynamic_bsz": True,
        f"{ref}.log_prob_max_token_len_per_gpu": fit(spec).tokens_per_gpu,
    }


def _rollout(spec: RunSpec, algorithm: RLAlgorithm) -> Keys:
    hardware, sampling = spec.hardware, algorithm.sampling
    rollout, validation = "actor_rollout_ref.rollout", spec.schedule.validation_sampling
    return {
        f"{rollout}.name": hardware.rollout.engine,
        f"{rollout}.mode": "async",
        f"{rollout}.n": algorithm.group_size,
        f"{rollout}.temperature": sampling.temperature,
        f"{rollout}.top_p": sampling.top_p,
        f"{rollout}.top_k": sampling.top_k,
        f"{rollout}.seed": spec.seed,
        f"{rollout}.dtype": "float32" if hardware.precision == "fp32" else "bfloat16",
        f"{rollout}.tensor_model_parallel_size": fit(spec).tensor_parallel,
        f"{rollout}.gpu_memory_utilization": hardware.rollout.memory_fraction,
        f"{rollout}.max_num_seqs": hardware.rollout.max_sequences,
        f"{rollout}.max_model_len": spec.data.max_prompt_tokens + spec.data.max_response_tokens,
        # Log-probabilities after temperature and top-p: those of the distribution sampled from.
        f"{rollout}.calculate_log_probs": True,
        f"{rollout}.logprobs_mode": "processed_logprobs",
        f"{rollout}.log_prob_use_dynamic_bsz": True,
        f"{rollout}.log_prob_max_token_len_per_gpu": fit(spec).tokens_per_gpu,
        f"{rollout}.val_kwargs.temperature": validation.temperature,
        f"{rollout}.val_kwargs.top_p": validation.top_p,
        f"{rollout}.val_kwargs.top_k": validation.top_k,
        f"{rollout}.val_kwargs.n": spec.schedule.validation_samples,
        f"{rollout}.agent.default_agent_loop": "reprise",
        f"{rollout}.agent.num_workers": _helpers(spec, per_node=1),
    }


def _critic(spec: RunSpec, algorithm: RLAlgorithm, run_dir: Path) -> Keys:
    critic = algorithm.critic
    assert critic is not None
    return {
        "critic.enable": True,
        **_model("critic.model", spec, run_dir),
        **_engine("critic", "critic.fsdp", spec),
        **_optimizer("critic.optim", critic.optimizer),
        "critic.ppo_mini_batch_size": critic.mini_batch_prompts or algorithm.mini_batch_prompts,
        "critic.ppo_epochs": critic.epochs,
        "critic.shuffle": algorithm.shuffle_mini_batches,
        "critic.data_loader_seed": spec.seed,
        "critic.use_dynamic_bsz": True,
        "critic.ppo_max_token_len_per_gpu": fit(spec).tokens_per_gpu,
        "critic.cliprange_value": critic.value_clip,
        "critic.loss_agg_mode": critic.loss_aggregation or algorithm.loss_aggregation,
        "trainer.critic_warmup": critic.warmup_steps,
    }


def _reward(spec: RunSpec) -> Keys:
    module, function = spec.reward.function.split(":")
    return {
        "reward.num_workers": _helpers(spec, per_node=2),
        "reward.reward_manager.source": "importlib",
        "reward.reward_manager.name": "RewardManager",
        "reward.reward_manager.module.path": f"{PLUGIN}.reward_manager",
        "reward.custom_reward_function.path": f"pkg://{module}",
        "reward.custom_reward_function.name": function,
        **{
            f"reward.custom_reward_function.reward_kwargs.{name}": value
            for name, value in spec.reward.arguments.items()
        },
    }


def _trainer(spec: RunSpec, algorithm: RLAlgorithm, run_dir: Path, steps: int | None) -> Keys:
    return {
        "trainer.use_v1": True,
        "trainer.v1.trainer_mode": "reprise",
        "trainer.v1.sampler.custom_sampler.path": f"{PLUGIN}.replay_buffer",
        "trainer.v1.sampler.custom_sampler.name": "StrictReplayBuffer",
        "trainer.test_freq": spec.schedule.validate_every or -1,
        "trainer.val_before_train": spec.schedule.validate_first,
        "trainer.checkpoint_callback_class": "harness.verl.checkpoint.CheckpointManifest",
        "trainer.max_actor_ckpt_to_keep": _kept(spec),
        "trainer.max_critic_ckpt_to_keep": _kept(spec),
        **_schedule(spec, run_dir, steps),
    }


def _kept(spec: RunSpec) -> int | None:
    """Checkpoints kept; all, where an earlier one than the last is to be exported."""
    last = spec.schedule.export_step in (None, spec.schedule.steps)
    return spec.schedule.keep_checkpoints if last else None


def _schedule(spec: RunSpec, run_dir: Path, steps: int | None) -> Keys:
    return {
        "trainer.device": spec.hardware.device,
        "trainer.nnodes": spec.hardware.nodes,
        "trainer.n_gpus_per_node": spec.hardware.gpus_per_node,
        "trainer.total_epochs": spec.schedule.epochs,
        "trainer.total_training_steps": steps,
        "trainer.save_freq": spec.schedule.save_every,
        "trainer.resume_mode": "auto",
        "trainer.default_local_dir": str(run_dir / "checkpoints"),
        "trainer.project_name": spec.tracking.project,
        "trainer.experiment_name": run_dir.name,
        "trainer.logger": ["console", "file"],
    }


def _helpers(spec: RunSpec, per_node: int) -> int:
    """Processes of one kind beside the training ones: verl's eight, more where nodes need them."""
    return 1 if spec.hardware.device == "cpu" else max(8, per_node * spec.hardware.nodes)


def _ray(spec: RunSpec) -> Keys:
    units = _helpers(spec, per_node=2)
    if units == 8:
        return {}  # verl's own
    keys: Keys = {"transfer_queue.backend.SimpleStorage.num_data_storage_units": units}
    if spec.hardware.device != "cpu" or spec.hardware.nodes > 1:
        return keys  # ray.init refuses the size of a Ray that it joins
    return keys | {
        "ray_kwargs.ray_init.num_cpus": 16,
        "ray_kwargs.ray_init.num_gpus": spec.hardware.gpus_per_node,
        "ray_kwargs.ray_init.object_store_memory": 300_000_000,
        "ray_kwargs.ray_init.include_dashboard": False,
    }


def _sft(spec: RunSpec, algorithm: SFTAlgorithm, run_dir: Path, steps: int | None) -> Keys:
    return {
        "data.train_files": str(run_dir / "data" / "train.parquet"),
        "data.val_files": str(run_dir / "data" / "test.parquet"),
        "data.messages_key": "messages",
        "data.train_batch_size": algorithm.sequences_per_step,
        "data.max_length": spec.data.max_prompt_tokens + spec.data.max_response_tokens,
        "data.truncation": "error",
        "data.pad_mode": "no_padding",
        "data.use_dynamic_bsz": True,
        "data.max_token_len_per_gpu": fit(spec).tokens_per_gpu,
        "data.num_workers": 0 if spec.hardware.device == "cpu" else 8,
        **_model("model", spec, run_dir),
        **{f"engine.{key}": value for key, value in _sft_engine(spec).items()},
        **_optimizer("optim", algorithm.optimizer),
        **_schedule(spec, run_dir, steps),
        "trainer.test_freq": spec.schedule.validate_every or -1,
        "trainer.max_ckpt_to_keep": _kept(spec),
        "checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        "checkpoint.load_contents": ["model", "optimizer", "extra"],
    }


def _sft_engine(spec: RunSpec) -> Keys:
    keys = _engine("engine", "engine", spec)
    return {name.removeprefix("engine."): value for name, value in keys.items()}
