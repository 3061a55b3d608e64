"""Rewards of a whole training step: a function sees all groups, what it kept from earlier steps,
the latest validation and the monitor problems, and sets every reward; trainer.py calls it."""

import copy
import json
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from transfer_queue import KVBatchMeta

from harness.functions import function_named
from harness.rewards import Batch, Scored
from harness.verl.plugins.dynamic_sampling import by_prompt
from harness.verl.plugins.group_rewards import put_rewards, scored_responses, shown

STATE = "reward"
"""Owner, in Trainer.kept, of what the function keeps from step to step."""
VALIDATION = "validation"
"""Owner, in Trainer.kept, of the metrics of the latest validation."""


class BatchRewardFailed(RuntimeError):
    """The function raised, or returned or kept something that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReward:
    """What reward.batch asks for."""

    function: Callable[..., Sequence[Sequence[float]]]
    """Maps a harness.rewards.Batch to the rewards of its groups."""
    arguments: Mapping[str, Any]
    """Extra keyword arguments of the function."""


def batch_reward_of(config: DictConfig) -> BatchReward | None:
    """What verl's whole configuration asks for, or null."""
    if config.reprise.batch_reward is None:
        return None
    arguments: Any = OmegaConf.to_container(config.reprise.batch_reward_arguments)
    function = function_named(config.reprise.batch_reward, "reward.batch")
    return BatchReward(function=function, arguments=arguments)


def reward_batch(
    batch: KVBatchMeta,
    tokenizer: Any,
    reward: BatchReward,
    *,
    drawn: Sequence[str],
    step: int,
    kept: dict[str, dict[str, Any]],
    monitor: Sequence[Sequence[Scored]] | None = None,
) -> dict[str, float]:
    """Replace the scores of a step in the storage, and take over what the function keeps.

    Args:
        batch: the responses of the step; verl's padding among them is left alone.
        tokenizer: decodes prompts and responses, special tokens kept.
        reward: the function.
        drawn: keys in the order of the data loader; verl has reordered the batch by length.
        step: training step, from 1.
        kept: what the trainer saves with checkpoints; changed only when everything succeeded.
        monitor: responses to the monitor problems, if just sampled.

    Returns:
        Metrics: mean rewards before and after, and the numbers of the state.

    Raises:
        BatchRewardFailed: the function failed; the message shows the step and a group.
    """
    present = set(batch.keys)
    groups = by_prompt([key for key in drawn if key in present])
    keys = [key for group in groups.values() for key in group]
    scored = dict(zip(keys, scored_responses(keys, batch.partition_id, tokenizer), strict=True))
    seen = Batch(
        groups=[[scored[key] for key in group] for group in groups.values()],
        step=step,
        state=copy.deepcopy(kept.get(STATE, {})),
        validation=dict(kept.get(VALIDATION, {})),
        monitor=monitor,
    )
    rewards = [value for group in rewards_of_step(reward, seen) for value in group]
    kept[STATE] = checked_state(seen.state, step)
    put_rewards(keys, batch.partition_id, rewards)
    return {
        "training/batch_reward/before": sum(s.score.value for s in scored.values()) / len(keys),
        "training/batch_reward/after": sum(rewards) / len(keys),
        **_numbers(kept[STATE]),
    }


def rewards_of_step(reward: BatchReward, step: Batch) -> list[list[float]]:
    """One finite reward for each response of each group.

    Raises:
        BatchRewardFailed: anything else; the message shows the step and a group.
    """
    size = f"step {step.step} with {len(step.groups)} groups"
    try:
        given = reward.function(step, **reward.arguments)
        rewards = [[float(value) for value in group] for group in given]
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise BatchRewardFailed(
            f"{type(error).__name__}: {error}\n    raised in {place.name}, "
            f"{place.filename}:{place.lineno}, in {size}; the first group:\n{shown(step.groups[0])}"
        ) from error
    if len(rewards) != len(step.groups):
        raise BatchRewardFailed(
            f"returned the rewards of {len(rewards)} groups in {size}; a list for each group is "
            f"needed\n    the first group:\n{shown(step.groups[0])}"
        )
    for place_of_group, (values, group) in enumerate(zip(rewards, step.groups, strict=True)):
        if len(values) != len(group) or not all(map(math.isfinite, values)):
            raise BatchRewardFailed(
                f"returned {values} for group {place_of_group} of {len(group)} responses in "
                f"{size}; one finite number for each response is needed\n{shown(group)}"
            )
    return rewards


def checked_state(state: dict[str, Any], step: int) -> dict[str, Any]:
    """The state, once it is known that a checkpoint gives it back as it is.

    Raises:
        BatchRewardFailed: an entry would not survive JSON.
    """
    for name, value in state.items():
        try:
            same = isinstance(name, str) and json.loads(json.dumps(value, allow_nan=False)) == value
        except (TypeError, ValueError):
            same = False
        if not same:
            raise BatchRewardFailed(
                f"left {name!r} = {value!r:.200} in the state of step {step}; checkpoints hold "
                "JSON: text, finite numbers, true, false, null, lists (no tuples), and mappings "
                "with text as keys"
            )
    return state


def _numbers(state: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"training/reward_state/{name}": float(value)
        for name, value in state.items()
        if isinstance(value, int | float)
    }
