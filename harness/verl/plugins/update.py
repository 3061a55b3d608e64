"""The part of our trainer that updates: which rows, in which mini-batches, with which loss.

trainer.py builds on it. Where nothing of that is asked for, every step is verl's.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from omegaconf import DictConfig, OmegaConf
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.utils.config import omega_conf_to_dataclass

from harness.verl.plugins import entropy
from harness.verl.plugins.dynamic_sampling import by_prompt
from harness.verl.plugins.losses import KLTerm, critic_loss, policy_loss
from harness.verl.plugins.mini_batches import Layout, laid_out, layout
from harness.verl.plugins.preference_loss import Preference, write_levels
from harness.verl.plugins.selection import PREFIX, Selection, leave_out


class UpdatingTrainer(PPOTrainerSync):  # type: ignore[misc]
    """verl's sync trainer with updates of our own."""

    ours: DictConfig
    """The settings below `reprise.`."""
    kept: dict[str, dict[str, Any]]
    """What rewards and controllers know from step to step, by owner (JSON types)."""
    drawn: list[str]
    """Keys of the step's responses, in the order in which they were drawn."""
    rows: list[str]
    """Those of them that the step's update is made of."""
    entropy_coef: float
    """Weight of the entropy bonus that the workers know of, where it changes."""

    def __init__(self, config: DictConfig) -> None:
        """Take verl's whole configuration; `config.reprise` holds our settings."""
        self.drawn, self.rows = [], []
        self.selection = Selection(config.reprise.selection, config.data.seed)
        self.preference = preference_of(config)
        self.controller = config.reprise.adaptive_entropy
        self.entropy_coef = 0.0
        super().__init__(config)

    def _setup(self) -> None:
        """Build the workers, and give them our losses where verl's do not do."""
        super()._setup()
        if (self.selection.asked or self.ours.mask_truncated) and self.use_critic:
            critic = omega_conf_to_dataclass(self.config.critic)
            self.critic_wg.set_loss_fn(partial(critic_loss, critic))
        asked = self.selection.asked or self.preference or self.controller
        if asked or self.ours.mask_truncated or kl_term(self.config):
            self._give_policy_loss()

    def _give_policy_loss(self) -> None:
        kl = kl_term(self.config)
        changed: dict[str, Any] = {"use_kl_loss": False} if kl else {}
        if self.controller:
            changed["entropy_coeff"] = self.entropy_coef
        actor = OmegaConf.merge(self.config.actor_rollout_ref.actor, changed)
        loss = partial(policy_loss, omega_conf_to_dataclass(actor), kl, self.preference)
        self.actor_rollout_wg.set_loss_fn(loss)

    def _compute_advantage(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        """Advantages of the responses that the update is made of; the others get 0."""
        self.rows = self.drawn
        if self.preference:
            write_levels(self.drawn, batch.partition_id, self.ours.preference_loss.level)
        if not self.selection.asked:
            return super()._compute_advantage(batch, metrics)
        partition = batch.partition_id
        left, counted = self.selection.before_advantages(self.drawn, partition)
        present = set(left)
        leave_out(
            [key for key in batch.keys if key not in present],
            partition,
            kl_in_reward=self.config.algorithm.use_kl_in_reward,
        )
        if left:
            super()._compute_advantage(_part(batch, left), metrics)
        self.rows = self.selection.after_advantages(left, partition, self.global_steps)
        metrics |= counted | {
            f"{PREFIX}/kept_responses": len(self.rows),
            f"{PREFIX}/skipped_updates": int(not self.rows),
        }
        return batch

    def _update_critic(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        """Update the value model with the step's rows."""
        return self._update("critic", super()._update_critic, batch, metrics)

    def _update_actor(self, batch: KVBatchMeta, metrics: dict[str, Any]) -> KVBatchMeta:
        """Update the policy with the step's rows, and the entropy coefficient after it."""
        if not self.controller:
            return self._update("actor", super()._update_actor, batch, metrics)
        state = self.kept.setdefault("entropy", entropy.first_state(self.controller))
        if entropy.applied(state) != self.entropy_coef:
            self.entropy_coef = entropy.applied(state)
            self._give_policy_loss()
        metrics[entropy.METRIC] = self.entropy_coef
        batch = self._update("actor", super()._update_actor, batch, metrics)
        if self.rows:
            found = entropy.measured(self.rows, batch.partition_id)
            self.kept["entropy"] = entropy.next_state(state, found, self.controller)
        return batch

    def _update(
        self,
        role: str,
        update: Callable[[KVBatchMeta, dict[str, Any]], KVBatchMeta],
        batch: KVBatchMeta,
        metrics: dict[str, Any],
    ) -> KVBatchMeta:
        if not self.selection.asked and not self.preference:
            return update(batch, metrics)
        if not self.rows:
            return batch
        found = self._layout(batch, self.ours.selection.mini_batch[role])
        part = _part(batch, found.keys)
        if self.preference and self.preference.group_rows:
            # verl's name for rows in a row that share a micro-batch.
            part.extra_info["force_group_size"] = self.preference.group_rows
        with laid_out(found, batch.partition_id, self.config, role):
            update(part, metrics)
        return batch

    def _layout(self, batch: KVBatchMeta, mini_batch: int) -> Layout:
        together = self.preference and self.preference.group_rows
        units = list(by_prompt(self.rows).values()) if together else [[key] for key in self.rows]
        taken = set(self.rows)
        return layout(
            units,
            [key for key in batch.keys if key not in taken],
            {key: tag["seq_len"] for key, tag in zip(batch.keys, batch.tags, strict=True)},
            mini_batch=mini_batch // len(units[0]),
            ranks=max(self.actor_rollout_wg._dispatch_info["actor"]) + 1,
        )


def _part(batch: KVBatchMeta, keys: Any) -> KVBatchMeta:
    """Rows of a batch with all their fields, whatever is written to them later."""
    tags = dict(zip(batch.keys, batch.tags, strict=True))
    return KVBatchMeta(
        partition_id=batch.partition_id, keys=list(keys), tags=[tags[key] for key in keys]
    )


def preference_of(config: DictConfig) -> Preference | None:
    """The settings of the loss over pairs; null where the run takes a policy gradient."""
    ours = config.reprise.preference_loss
    if ours is None:
        return None
    return Preference(
        beta=ours.beta,
        best_weight=ours.best_weight,
        trust_coef=ours.trust_coef,
        trust_estimator=ours.trust_estimator,
        group_rows=ours.group_rows,
    )


def kl_term(config: DictConfig) -> KLTerm | None:
    """Our KL term, or null where verl's does."""
    actor, ours = config.actor_rollout_ref.actor, config.reprise
    asked = ours.kl_loss_aggregation is not None or ours.kl_loss_token_limit is not None
    if not actor.use_kl_loss or not (asked or ours.preference_loss):
        return None
    return KLTerm(
        coef=actor.kl_loss_coef,
        estimator=actor.kl_loss_type,
        aggregation=ours.kl_loss_aggregation or actor.loss_agg_mode,
        token_limit=ours.kl_loss_token_limit,
        divisor=actor.loss_scale_factor or config.data.max_response_length,
    )
