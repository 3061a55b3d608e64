"""Advantages that verl's own estimators cannot compute: GRPO with more settings, and several
discounts in one GAE.

`reprise_grpo` is registered by harness/verl/plugins/__init__.py; verl calls it with the
configuration's `algorithm` part, into which trainer.py copies the settings below `reprise.`.
`multi_gamma` needs values, which verl shows to its own GAE only: dense_rewards.py calls it.
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


def multi_gamma(
    streams: Sequence[torch.Tensor],
    gammas: Sequence[float],
    values: torch.Tensor,
    response_mask: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """GAE with lambda = 1 over several streams of rewards, each with a discount of its own.

    G_t = sum_i sum_(k >= 0) gamma_i^k r_(i, t+k) and A_t = G_t - V(s_t): Yeo et al. 2025
    (arXiv:2502.03373), section 4.6, as eddycmu/demystify-long-cot@e90cf9b runs it
    (openrlhf/openrlhf/trainer/ppo_utils/experience_maker.py, get_advantages_and_returns). Below
    lambda = 1 one value function would have to serve several discounts. Whitened as verl's GAE.

    Args:
        streams: (responses, tokens) rewards, one tensor a stream.
        gammas: the discount of each stream.
        values: (responses, tokens) of the critic; 0 without one.
        response_mask: (responses, tokens) 1 where a token counts.

    Returns:
        Whitened advantages and the returns that the critic learns, both (responses, tokens) and 0
        where the mask is.
    """
    masked = [rewards * response_mask for rewards in streams]
    returns = torch.zeros_like(masked[0])
    ahead = [torch.zeros_like(rewards[:, 0]) for rewards in masked]
    for t in reversed(range(returns.shape[1])):
        for i, (rewards, gamma) in enumerate(zip(masked, gammas, strict=True)):
            ahead[i] = rewards[:, t] + gamma * ahead[i]
            returns[:, t] += ahead[i]
    advantages = masked_whiten((returns - values) * response_mask, response_mask)
    return advantages * response_mask, returns * response_mask
