"""The trainer `reprise`: verl's synchronous PPO loop with the steps that it has no setting for.

Registered by harness/verl/plugins/__init__.py; trainer.v1.trainer_mode selects it. Where nothing
below `reprise.` is asked for it does exactly what verl's does.
"""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.utils.config import omega_conf_to_dataclass

from harness.chain import announced_end
from harness.files import write_json
from harness.functions import function_named
from harness.verl.checkpoint import RUN_FILE_VARIABLE
from harness.verl.plugins.dynamic_sampling import CountedPasses, DynamicSampling
from harness.verl.plugins.group_rewards import reward_groups
from harness.verl.plugins.losses import KLTerm, policy_loss
from harness.verl.plugins.truncation import mask_truncated

TRAINER_STATE = "trainer_state.json"
"""File of a checkpoint with what rewards and controllers know from step to step."""


@register_trainer("reprise")
class Trainer(PPOTrainerSync):  # type: ignore[misc]
    """verl's sync trainer with our settings; one instance in the task runner."""

    def __init__(self, config: DictConfig) -> None:
        """Take verl's whole configuration; `config.reprise` holds our settings."""
        self.ours = config.reprise
        self.filters = self.ours.filter_groups.metric is not None
        # verl asks for the mode by name in its data loader, its storage and its checkpoints.
        config.trainer.v1.trainer_mode = "sync"
        with open_dict(config.algorithm):
            # Estimators are given this part of the configuration only.
            config.algorithm.reprise = config.reprise
        self.kept = {}
        super().__init__(config)

    kept: dict[str, dict[str, Any]]
    """What rewards and controllers know from step to step, by owner (JSON types)."""

    def _save_checkpoint(self) -> None:
        """Put what is kept beside the weights, before verl declares the checkpoint whole."""
        folder = Path(self.config.trainer.default_local_dir) / f"global_step_{self.global_steps}"
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / TRAINER_STATE, self.kept)
        super()._save_checkpoint()

    def _load_checkpoint(self) -> None:
        """Go on with what was kept at the step that verl resumes from."""
        super()._load_checkpoint()
        folder = Path(self.config.trainer.default_local_dir) / f"global_step_{self.global_steps}"
        if self.global_steps:
            self.kept.update(json.loads((folder / TRAINER_STATE).read_text()))

    def _build_replay_buffer(self) -> Any:
        """verl's replay buffer, behind dynamic sampling where it is asked for."""
        buffer = super()._build_replay_buffer()
        if not self.filters:
            return buffer
        return DynamicSampling(buffer, self._add_prompts_to_generate, **self.ours.filter_groups)

    def _init_dataloader(self) -> None:
        """Count passes over the rows where a step takes more prompts than it trains on."""
        super()._init_dataloader()
        if self.filters:
            epochs = self.config.trainer.total_epochs
            self.train_dataloader: Any = CountedPasses(self.train_dataloader, epochs)

    def _setup(self) -> None:
        """Build the workers, and give the policy its loss where verl's does not do."""
        super()._setup()
        kl = kl_term(self.config)
        if kl is None and not self.ours.mask_truncated:
            return
        changed = {"use_kl_loss": False} if kl else {}
        actor = OmegaConf.merge(self.config.actor_rollout_ref.actor, changed)
        loss = partial(policy_loss, omega_conf_to_dataclass(actor), kl)
        self.actor_rollout_wg.set_loss_fn(loss)

    def fit(self, agent_loop_manager: Any) -> None:
        """Train; from here on this trainer's temperature is that of its log-probabilities."""
        # Agent loops sample at the temperature in their own copies of the configuration, made
        # before this call; what is left to read this one are the trainer's calls of its workers.
        self.config.actor_rollout_ref.rollout.temperature = self.ours.log_prob_temperature
        super().fit(agent_loop_manager)

    def prepare_step(self) -> dict[str, Any]:
        """Start a step's generation; dynamic sampling starts its own."""
        if self.filters:
            return {}
        metrics: dict[str, Any] = super().prepare_step()
        return metrics

    total_training_steps: int

    def on_step_end(self) -> None:
        """Where an end is announced, save this step and make it the last of the attempt."""
        super().on_step_end()
        run_file = os.environ.get(RUN_FILE_VARIABLE)
        if run_file is None or not announced_end(Path(run_file).parent):
            return
        save_every = self.config.trainer.save_freq
        last = self.global_steps >= self.total_training_steps
        if not last and (save_every <= 0 or self.global_steps % save_every):
            self._save_checkpoint()
        self.total_training_steps = self.global_steps

    def _compute_advantage(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        """Shape rewards and masks, then compute advantages as verl does."""
        if self.ours.group_reward:
            arguments = OmegaConf.to_container(self.ours.group_reward_arguments)
            function = function_named(self.ours.group_reward, "reward.group")
            metrics |= reward_groups(batch, self.tokenizer, function, arguments)  # type: ignore[arg-type]
        if self.ours.mask_truncated:
            metrics |= mask_truncated(batch)
        return super()._compute_advantage(batch, metrics)

    def _compute_metrics(
        self, batch: KVBatchMeta, metrics: Any, timing_raw: Any, global_steps: int, epoch: int
    ) -> None:
        """verl's metrics, with the epoch counted in rows where steps do not tell it."""
        if self.filters:
            epoch = self.train_dataloader.finished
        super()._compute_metrics(batch, metrics, timing_raw, global_steps, epoch)


def kl_term(config: DictConfig) -> KLTerm | None:
    """Our KL term, or null where verl's does."""
    actor, ours = config.actor_rollout_ref.actor, config.reprise
    asked = ours.kl_loss_aggregation is not None or ours.kl_loss_token_limit is not None
    if not actor.use_kl_loss or not asked:
        return None
    return KLTerm(
        coef=actor.kl_loss_coef,
        estimator=actor.kl_loss_type,
        aggregation=ours.kl_loss_aggregation or actor.loss_agg_mode,
        token_limit=ours.kl_loss_token_limit,
        divisor=actor.loss_scale_factor or config.data.max_response_length,
    )
