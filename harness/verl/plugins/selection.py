"""Which responses of a step reach its update; update.py asks before and after advantages.

First the first train_group_size of each group stay, then drop_groups takes groups whose metric does
not differ, both before advantages, which are those of the responses left; then pruning takes
responses by their advantage. Everything goes in the order in which prompts and responses were
drawn, so that nothing depends on the number of GPUs.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transfer_queue import KVBatchMeta

from harness.selection import kept
from harness.verl.plugins import storage
from harness.verl.plugins.dynamic_sampling import by_prompt, differ, metric_values

PREFIX = "training/selection"


class Selection:
    """The responses of one step that its update is made of; one instance for the whole run."""

    def __init__(self, settings: Any, seed: int) -> None:
        """Take what emit wrote below `reprise.selection`.

        Args:
            settings: train_group_size, drop_groups and pruning, each may be null.
            seed: the run's; with the step it names the draws of random pruning.
        """
        self.first = settings.train_group_size
        self.metric = settings.drop_groups
        self.pruning = settings.pruning
        self.asked = any(item is not None for item in (self.first, self.metric, self.pruning))
        self.seed = seed

    def before_advantages(
        self, drawn: Sequence[str], partition: str
    ) -> tuple[list[str], dict[str, float]]:
        """Keys that advantages are computed for, and how many groups were dropped.

        Args:
            drawn: keys of all responses, in the order in which they were drawn.
            partition: where they are stored.
        """
        groups = [keys[: self.first] for keys in by_prompt(drawn).values()]
        if self.metric is None:
            return _flat(groups), {}
        batch = KVBatchMeta(partition_id=partition, keys=(keys := _flat(groups)), tags=_tags(keys))
        values = metric_values(batch, self.metric)
        left = [group for group in groups if differ([values[key] for key in group])]
        return _flat(left), {f"{PREFIX}/dropped_groups": len(groups) - len(left)}

    def after_advantages(self, keys: Sequence[str], partition: str, step: int) -> list[str]:
        """What pruning leaves of them; response_mask decides where an advantage stands."""
        if self.pruning is None or not keys:
            return list(keys)
        data = storage.read(keys, partition, "advantages", "response_mask")
        advantages = dict(zip(keys, map(_advantage, *data.values()), strict=True))
        whole = self.pruning.across == "step"
        groups = [list(keys)] if whole else list(by_prompt(keys).values())
        return _flat(
            [self._prune(group, advantages, f"{step}/{i}") for i, group in enumerate(groups)]
        )

    def _prune(self, group: list[str], advantages: dict[str, float], place: str) -> list[str]:
        places = kept(
            [advantages[key] for key in group],
            self.pruning.rate,
            self.pruning.drop,
            rounding=self.pruning.rounding,
            seed=f"{self.seed}/{place}",
        )
        return [group[i] for i in places]


def leave_out(keys: Sequence[str], partition: str, *, kl_in_reward: bool) -> None:
    """Give responses that stay out the fields that verl's metrics read of every response.

    Advantages and returns become 0; token rewards, which verl stores where the reward holds a KL
    penalty, become the scores.
    """
    if not keys:
        return
    scores = storage.read(keys, partition, "rm_scores")["rm_scores"]
    nothing = [torch.zeros_like(row) for row in scores]
    columns = {"advantages": nothing, "returns": nothing}
    storage.write(
        keys, partition, **columns | ({"token_level_rewards": scores} if kl_in_reward else {})
    )


def _advantage(advantages: torch.Tensor, mask: torch.Tensor) -> float:
    """That of a response: its mean over tokens; 0 where none counts."""
    return float((advantages * mask).sum() / mask.sum().clamp(min=1))


def _tags(keys: Sequence[str]) -> list[dict[str, Any]]:
    return [{} for _ in keys]


def _flat(groups: Sequence[Sequence[str]]) -> list[str]:
    return [key for keys in groups for key in keys]
