"""The policy loss where a run asks for more than verl's; trainer.py hands it to the workers.

verl's ppo_loss averages the KL penalty exactly as the policy loss. Here the penalty has its own
aggregation and its own bound for each token.
"""

from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict
from verl.trainer.ppo.core_algos import agg_loss, kl_penalty
from verl.utils import tensordict_utils
from verl.utils.metric import AggregationType, Metric
from verl.workers.utils.losses import ppo_loss
from verl.workers.utils.padding import no_padding_2_padding


@dataclass(frozen=True, slots=True, kw_only=True)
class KLTerm:
    """The KL penalty of the policy loss."""

    coef: float
    """Weight of the penalty."""
    estimator: str
    """Per-token estimator, by verl's name."""
    aggregation: str
    """How the tokens' penalties become one number, by verl's name of the mode."""
    token_limit: float | None
    """Largest penalty of one token (smallest: 0); null does not bound it."""
    divisor: float
    """seq-mean-token-sum-norm: what each sequence's sum is divided by."""


def policy_loss(
    config: Any, kl: KLTerm | None, model_output: Any, data: TensorDict, dp_group: Any = None
) -> tuple[torch.Tensor, dict[str, Any]]:
    """verl's policy loss of one micro-batch, plus a KL term of our own.

    Every term is divided by the size of the whole mini-batch (all micro-batches of all ranks), so
    the gradients that verl sums are those of the mini-batch's mean.

    Args:
        config: verl's ActorConfig; use_kl_loss is off where `kl` is given.
        kl: our KL term; null leaves the loss to verl.
        model_output: log_probs and entropy, nested over the tokens of the micro-batch.
        data: the micro-batch with verl's sizes of the mini-batch.
        dp_group: unused by verl's loss as well.

    Returns:
        The loss, a scalar, and metrics under verl's names.
    """
    # All responses of a mini-batch may be masked: a loss of 0, as TRL has it, and not 0 / 0.
    tokens = max(1, data["batch_num_tokens"])
    tensordict_utils.assign_non_tensor(data, batch_num_tokens=tokens)
    loss, metrics = ppo_loss(config=config, model_output=model_output, data=data, dp_group=dp_group)
    if kl is None:
        return loss, metrics
    padded = data.select("response_mask", "ref_log_prob").to_padded_tensor()
    penalty = aggregated_kl(
        no_padding_2_padding(model_output["log_probs"], data),
        padded["ref_log_prob"],
        padded["response_mask"].to(bool),
        kl,
        config.global_batch_info,
    )
    metrics["kl_loss"] = Metric(value=penalty, aggregation=AggregationType.SUM)
    metrics["kl_coef"] = kl.coef
    return loss + kl.coef * penalty, metrics


def aggregated_kl(
    log_prob: torch.Tensor,
    ref_log_prob: torch.Tensor,
    response_mask: torch.Tensor,
    kl: KLTerm,
    mini_batch: dict[str, Any],
) -> torch.Tensor:
    """The KL penalty of one micro-batch as its share of the mini-batch's.

    Args:
        log_prob: (responses, tokens) of the policy.
        ref_log_prob: (responses, tokens) of the reference model.
        response_mask: (responses, tokens) true where a token counts.
        kl: estimator, bound and aggregation; its `coef` is not applied.
        mini_batch: dp_size, batch_num_tokens and global_batch_size, as agg_loss takes them.
    """
    tokens = kl_penalty(logprob=log_prob, ref_logprob=ref_log_prob, kl_penalty=kl.estimator)
    if kl.token_limit is not None:
        tokens = tokens.clamp(0.0, kl.token_limit)
    sizes = mini_batch | {"loss_scale_factor": kl.divisor}
    penalty: torch.Tensor = agg_loss(
        loss_mat=tokens, loss_mask=response_mask, loss_agg_mode=kl.aggregation, **sizes
    )
    return penalty
