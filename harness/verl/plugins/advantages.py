"""The advantage estimator `reprise_grpo`: GRPO with the settings that verl's own one lacks.

Registered by harness/verl/plugins/__init__.py; verl calls it with the configuration's `algorithm`
part, into which trainer.py copies the settings below `reprise.`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from verl.trainer.ppo.core_algos import register_adv_est
from verl.utils.torch_functional import masked_whiten


def group_advantages(
    scores: torch.Tensor, groups: Sequence[str], *, std_epsilon: float, divide_by_std: bool
) -> torch.Tensor:
    """Scores against the mean of their group: A_i = (r_i - mean(r)) / (std(r) + epsilon).

    Shao et al. 2024 (DeepSeekMath), section 4.1.2; without the division Liu et al. 2025 (Dr. GRPO).
    The deviation is the unbiased one, as TRL, oat and verl have it.

    Args:
        scores: (responses,) one number a response.
        groups: the prompt of each response.
        std_epsilon: added to the standard deviation.
        divide_by_std: false leaves the division out.

    Returns:
        (responses,) advantages; a response alone in its group keeps its score, as in verl.
    """
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    advantages = torch.empty_like(scores)
    for rows in members.values():
        group_scores = scores[rows]
        alone = len(rows) == 1
        centred = group_scores if alone else group_scores - group_scores.mean()
        deviation = 1.0 if alone else group_scores.std()
        advantages[rows] = centred / (deviation + std_epsilon) if divide_by_std else centred
    return advantages


@register_adv_est("reprise_grpo")  # type: ignore[untyped-decorator]
@torch.no_grad()
def grpo(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: Sequence[str],
    config: Any,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Group-normalised advantages, whitened over all response tokens of the batch if asked for.

    Whitening follows sail-sg/oat@56b9b57:oat/algorithms/ppo.py, which whitens each rank by itself.

    Args:
        token_level_rewards: (responses, tokens) rewards; their sum is a response's score.
        response_mask: (responses, tokens) 1 where a token counts.
        index: the prompt of each response.
        config: verl's `algorithm` settings with ours below `reprise`.

    Returns:
        Advantages and returns, both (responses, tokens) and the same; 0 where the mask is.
    """
    scores = group_advantages(
        token_level_rewards.sum(dim=-1),
        index,
        std_epsilon=config.reprise.std_epsilon,
        divide_by_std=config.norm_adv_by_std_in_grpo,
    )
    advantages = scores.unsqueeze(-1) * response_mask
    if config.reprise.whiten_advantages:
        advantages = masked_whiten(advantages, response_mask) * response_mask
    return advantages, advantages
