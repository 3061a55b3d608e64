"""The trainer `reprise`: verl's synchronous PPO loop with the steps that it has no setting for.

Registered by harness/verl/plugins/__init__.py; trainer.v1.trainer_mode selects it. Where nothing
below `reprise.` is asked for it does exactly what verl's does.
"""

import json
import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.utils.debug import marked_timer

from harness.chain import announced_end
from harness.files import write_json
from harness.functions import function_named
from harness.rewards import Scored
from harness.verl.checkpoint import RUN_FILE_VARIABLE
from harness.verl.plugins.batch_rewards import VALIDATION, batch_reward_of, reward_batch
from harness.verl.plugins.dense_rewards import add_dense_rewards, dense_of
from harness.verl.plugins.dynamic_sampling import CountedPasses, DynamicSampling
from harness.verl.plugins.group_rewards import reward_groups
from harness.verl.plugins.monitor import MonitorProblems, is_due
from harness.verl.plugins.truncation import mask_truncated
from harness.verl.plugins.update import UpdatingTrainer

TRAINER_STATE = "trainer_state.json"
"""File of a checkpoint with what rewards and controllers know from step to step."""


@register_trainer("reprise")
class Trainer(UpdatingTrainer):
    """The whole of it: rewards, generation and checkpoints; one instance in the task runner."""

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
        self.batch_reward = batch_reward_of(config)
        self.monitor: MonitorProblems | None = None
        self.watched: list[list[Scored]] | None = None
        super().__init__(config)

    global_steps: int

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
        if self.ours.monitor.file:
            self.monitor = MonitorProblems(self.config, self.tokenizer, self.processor)
        if self.filters:
            epochs = self.config.trainer.total_epochs
            self.train_dataloader: Any = CountedPasses(self.train_dataloader, epochs)

    def fit(self, agent_loop_manager: Any) -> None:
        """Train; from here on this trainer's temperature is that of its log-probabilities."""
        # Agent loops sample at the temperature in their own copies of the configuration, made
        # before this call; what is left to read this one are the trainer's calls of its workers.
        self.config.actor_rollout_ref.rollout.temperature = self.ours.log_prob_temperature
        super().fit(agent_loop_manager)

    def on_train_begin(self) -> None:
        """Validate again where the checkpoint resumed from was saved just before a validation."""
        super().on_train_begin()
        saved, every = self.global_steps - 1, self.config.trainer.test_freq
        done = self.config.trainer.val_before_train
        if self.batch_reward and saved and every > 0 and saved % every == 0 and not done:
            self.global_steps = saved
            self.on_validate_begin()
            self._validate()
            self.on_validate_end()
            self.global_steps = saved + 1

    def _validate(self) -> dict[str, float]:
        """verl's validation; a reward over the step sees its metrics from then on."""
        metrics: dict[str, float] = super()._validate()
        step, every = self.global_steps, self.config.trainer.test_freq
        # verl may also validate after a resume, which a run in one go would not have done.
        scheduled = step % every == 0 if every > 0 else step == 0
        if self.batch_reward and scheduled:
            self.kept[VALIDATION] = {name: float(value) for name, value in metrics.items()}
        return metrics

    def on_step_begin(self) -> None:
        """Ask the monitor problems while the engine still holds the last step's weights."""
        super().on_step_begin()
        self.watched = None
        if self.monitor and is_due(self.global_steps, self.ours.monitor.every):
            with marked_timer("monitor", self.timing_raw):
                self.watched = self.monitor.sample(
                    self.agent_loop_manager, self.replay_buffer, self.global_steps
                )

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

    def _balance_batch(self, batch: KVBatchMeta, metrics: Any, **options: Any) -> KVBatchMeta:
        """Remember the order of the data loader; verl orders by length and pads."""
        self.drawn = list(batch.keys)
        return super()._balance_batch(batch, metrics, **options)

    def _compute_advantage(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        """Shape rewards and masks, then compute advantages as verl does."""
        if self.ours.group_reward:
            arguments = OmegaConf.to_container(self.ours.group_reward_arguments)
            function = function_named(self.ours.group_reward, "reward.group")
            metrics |= reward_groups(batch, self.tokenizer, function, arguments)  # type: ignore[arg-type]
        if self.batch_reward:
            metrics |= reward_batch(
                batch,
                self.tokenizer,
                self.batch_reward,
                drawn=self.drawn,
                step=self.global_steps,
                kept=self.kept,
                monitor=self.watched,
            )
        if self.ours.mask_truncated:
            metrics |= mask_truncated(batch)
        batch = super()._compute_advantage(batch, metrics)
        if dense := dense_of(self.config):
            metrics |= add_dense_rewards(batch, self.tokenizer, dense)
        return batch

    def _compute_metrics(
        self, batch: KVBatchMeta, metrics: Any, timing_raw: Any, global_steps: int, epoch: int
    ) -> None:
        """verl's metrics, with the epoch counted in rows where steps do not tell it."""
        if self.filters:
            epoch = self.train_dataloader.finished
        super()._compute_metrics(batch, metrics, timing_raw, global_steps, epoch)
