"""Rewards of a whole group: a function sees all responses to one prompt and sets their rewards.

trainer.py calls reward_groups before advantages are computed; the scoring function has given each
response its own score by then.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transfer_queue import KVBatchMeta

from harness.rewards import Sample, Score, Scored
from harness.verl.plugins import storage
from harness.verl.plugins.agent_loop import TRUNCATED
from harness.verl.plugins.dynamic_sampling import by_prompt

GroupReward = Callable[..., Sequence[float]]
SHOWN_CHARACTERS = 300
"""Of a response in an error's message."""


class GroupRewardFailed(RuntimeError):
    """The function raised, or returned something that cannot be a group's rewards."""


def rewards_of(
    function: GroupReward, group: Sequence[Scored], arguments: Mapping[str, Any]
) -> list[float]:
    """One finite reward for each response of a group.

    Raises:
        GroupRewardFailed: anything else; the message shows the group.
    """
    try:
        rewards = [float(reward) for reward in function(group, **arguments)]
    except Exception as error:
        raise GroupRewardFailed(f"{type(error).__name__}: {error}\n{shown(group)}") from error
    if len(rewards) != len(group) or not all(map(math.isfinite, rewards)):
        raise GroupRewardFailed(
            f"returned {rewards} for a group of {len(group)} responses; one finite number for each "
            f"is needed\n{shown(group)}"
        )
    return rewards


def shown(group: Sequence[Scored]) -> str:
    """A group as text: the prompt, and every response with its score."""
    lines = [f"prompt: {group[0].sample.prompt}", f"ground truth: {group[0].sample.ground_truth}"]
    for scored in group:
        text = scored.sample.response
        cut = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
        lines.append(
            f"reward {scored.score.value:g}, correct {scored.score.correct}, "
            f"{scored.sample.response_tokens} tokens, truncated {scored.sample.truncated}: {cut}"
        )
    # Indented: what reads the log takes indented lines for the rest of the exception's message.
    return "\n".join(f"    {line}" for text in lines for line in text.splitlines())


def reward_groups(
    batch: KVBatchMeta, tokenizer: Any, function: GroupReward, arguments: Mapping[str, Any]
) -> dict[str, float]:
    """Replace the scores of a batch in the storage; means before and after as metrics.

    Args:
        batch: the responses of a step; verl's padding among them is left alone.
        tokenizer: decodes prompts and responses, special tokens kept.
        function: maps the harness.rewards.Scored of one group to their rewards.
        arguments: extra keyword arguments of the function.

    Raises:
        GroupRewardFailed: the function failed; the message shows the group.
    """
    tagged = zip(batch.keys, batch.tags, strict=True)
    # Groups as they were sampled: verl has reordered the batch by length.
    keys = sorted((key for key, tag in tagged if not tag.get("is_padding", False)), key=_session)
    scored = dict(zip(keys, scored_responses(keys, batch.partition_id, tokenizer), strict=True))
    rewards: dict[str, float] = {}
    for group in by_prompt(keys).values():
        given = rewards_of(function, [scored[key] for key in group], arguments)
        rewards |= dict(zip(group, given, strict=True))
    put_rewards(keys, batch.partition_id, [rewards[key] for key in keys])
    return {
        "training/group_reward/before": sum(s.score.value for s in scored.values()) / len(keys),
        "training/group_reward/after": sum(rewards.values()) / len(keys),
    }


def _session(key: str) -> tuple[str, int]:
    prompt, session, _ = key.rsplit("_", 2)
    return prompt, int(session)


def scored_responses(keys: Sequence[str], partition: str, tokenizer: Any) -> list[Scored]:
    """Stored responses as harness.verl.reward_manager scored them."""
    fields = ("prompts", "responses", "rm_scores", "extra_fields", "reward_model")
    data = storage.read(keys, partition, *fields)
    return [
        scored_response(*row, tokenizer=tokenizer)
        for row in zip(*(data[field] for field in fields), strict=True)
    ]


def scored_response(
    prompt: torch.Tensor,
    response: torch.Tensor,
    scores: torch.Tensor,
    extra: Mapping[str, Any],
    reward_model: Mapping[str, Any],
    *,
    tokenizer: Any,
) -> Scored:
    """One stored response as harness.verl.reward_manager scored it.

    Args:
        prompt, response: token ids, unpadded.
        scores: a number a token, all 0 but the last.
        extra: verl's extra fields, with what the reward manager reported.
        reward_model: the row's ground truth.
        tokenizer: decodes ids.
    """
    info = dict(extra["reward_extra_info"])
    sample = Sample(
        prompt=tokenizer.decode(prompt.tolist()),
        response=tokenizer.decode(response.tolist()),
        ground_truth=json.loads(reward_model["ground_truth"]),
        response_tokens=len(response),
        token_ids=tuple(response.tolist()),
        truncated=bool(extra[TRUNCATED]),
    )
    correct, extracted = bool(info.pop("acc")), info.pop("extracted") or None
    score = Score(value=float(scores.sum()), correct=correct, extracted=extracted, components=info)
    return Scored(sample=sample, score=score)


def put_rewards(keys: Sequence[str], partition: str, rewards: Sequence[float]) -> None:
    """Replace the scores of responses in the storage; verl reads a reward at the last token."""
    rows = []
    stored = storage.read(keys, partition, "rm_scores")["rm_scores"]
    for scores, reward in zip(stored, rewards, strict=True):
        row = torch.zeros_like(scores)
        row[-1] = reward
        rows.append(row)
    storage.write(keys, partition, rm_scores=rows)
