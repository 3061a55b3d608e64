"""Rewards of single tokens with a discount of their own; trainer.py calls add_dense_rewards.

verl's loop knows one reward a response, and its estimators one discount and no token ids. So verl
computes advantages from the scores first, and what it stored is replaced here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch.nn.utils.rnn import pad_sequence
from transfer_queue import KVBatchMeta

from harness.functions import function_named
from harness.rewards import Scored
from harness.verl.plugins import storage
from harness.verl.plugins.advantages import multi_gamma
from harness.verl.plugins.group_rewards import scored_responses, shown

METRICS = "training/dense_reward"


class DenseRewardFailed(RuntimeError):
    """The function raised, or returned something that cannot be the rewards of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """What reward.dense asks for, and the discount of the scores beside it."""

    function: Callable[..., Sequence[float]]
    """Maps a harness.rewards.Sample with its token_ids to a number a token."""
    arguments: Mapping[str, Any]
    """Extra keyword arguments of the function."""
    gamma: float
    """Discount of these rewards."""
    score_gamma: float
    """Discount of the scores."""
    critic: bool
    """Is there a value model? Without one its values count as 0."""
    kl_in_reward: bool
    """Has verl subtracted a KL penalty from the token rewards?"""


def dense_of(config: DictConfig) -> Dense | None:
    """What verl's whole configuration asks for, or null."""
    asked, algorithm = config.reprise.dense_reward, config.algorithm
    if asked.function is None:
        return None
    return Dense(
        function=function_named(asked.function, "reward.dense.function"),
        arguments=OmegaConf.to_container(asked.arguments),  # type: ignore[arg-type]
        gamma=asked.gamma,
        score_gamma=algorithm.gamma,
        critic=algorithm.adv_estimator == "gae",
        kl_in_reward=algorithm.use_kl_in_reward,
    )


def token_rewards(dense: Dense, scored: Scored) -> list[float]:
    """One finite reward for each token of a response.

    Raises:
        DenseRewardFailed: anything else; the message shows the response.
    """
    tokens = scored.sample.response_tokens
    try:
        rewards = [float(reward) for reward in dense.function(scored.sample, **dense.arguments)]
    except Exception as error:
        raise DenseRewardFailed(f"{type(error).__name__}: {error}\n{shown([scored])}") from error
    if len(rewards) != tokens or not all(map(math.isfinite, rewards)):
        raise DenseRewardFailed(
            f"returned {len(rewards)} numbers for {tokens} tokens, or one that is not "
            f"finite; one finite number for each token is needed\n{shown([scored])}"
        )
    return rewards


def add_dense_rewards(batch: KVBatchMeta, tokenizer: Any, dense: Dense) -> dict[str, float]:
    """Replace advantages, returns and token rewards of a batch in the storage.

    A KL penalty in the rewards is split: each of the two streams, with its own discount, gets half.
    Source: eddycmu/demystify-long-cot@e90cf9b:openrlhf/openrlhf/models/utils.py (compute_reward).

    Args:
        batch: the responses of a step, with verl's advantages; verl's padding earns nothing.
        tokenizer: decodes prompts and responses, special tokens kept.
        dense: the function and the discounts.

    Returns:
        Metrics: the mean over responses of their tokens' sum, and the share that is not 0.

    Raises:
        DenseRewardFailed: the function failed; the message shows the response.
    """
    given = _given(batch, tokenizer, dense)
    names = ["rm_scores", "response_mask"]
    names += ["values"] if dense.critic else []
    names += ["token_level_rewards"] if dense.kl_in_reward else []
    stored = storage.read(batch.keys, batch.partition_id, *names)
    columns = {name: pad_sequence(rows, batch_first=True) for name, rows in stored.items()}
    scores, mask = columns["rm_scores"], columns["response_mask"]
    tokens = pad_sequence(given, batch_first=True).to(scores.dtype)
    penalty = columns["token_level_rewards"] - scores if dense.kl_in_reward else 0.0 * scores
    advantages, returns = multi_gamma(
        [scores + penalty / 2, tokens + penalty / 2],
        [dense.score_gamma, dense.gamma],
        columns["values"] if dense.critic else torch.zeros_like(scores),
        mask,
    )
    written = {
        "advantages": advantages,
        "returns": returns,
        "token_level_rewards": scores + penalty + tokens,
    }
    lengths = [len(row) for row in stored["rm_scores"]]
    storage.write(
        batch.keys,
        batch.partition_id,
        **{
            name: [row[:length].contiguous() for row, length in zip(rows, lengths, strict=True)]
            for name, rows in written.items()
        },
    )
    sums = [
        float(rewards.sum()) for rewards, tag in zip(given, batch.tags, strict=True) if _real(tag)
    ]
    return {
        f"{METRICS}/mean": sum(sums) / len(sums),
        f"{METRICS}/share": sum(value != 0.0 for value in sums) / len(sums),
    }


def _given(batch: KVBatchMeta, tokenizer: Any, dense: Dense) -> list[torch.Tensor]:
    """The rewards of every response's tokens, in the order of the batch."""
    real = [key for key, tag in zip(batch.keys, batch.tags, strict=True) if _real(tag)]
    scored = scored_responses(real, batch.partition_id, tokenizer)
    found = {
        key: torch.tensor(token_rewards(dense, one)) for key, one in zip(real, scored, strict=True)
    }
    return [found.get(key, torch.zeros(1)) for key in batch.keys]


def _real(tag: Mapping[str, Any]) -> bool:
    return not tag.get("is_padding", False)
