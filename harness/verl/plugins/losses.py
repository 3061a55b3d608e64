"""The losses where a run asks for more than verl's; update.py hands them to the workers.

verl's ppo_loss averages the KL penalty exactly as the policy loss. Here the penalty has its own
aggregation and its own bound for each token; pairs of responses may take the place of the policy
gradient; and a mini-batch has the size that its rows say (mini_batches.py).
"""

from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict
from verl.trainer.ppo.core_algos import agg_loss, kl_penalty
from verl.utils import tensordict_utils
from verl.utils.metric import AggregationType, Metric
from verl.workers.utils.losses import ppo_loss, value_loss
from verl.workers.utils.padding import no_padding_2_padding

from harness.verl.plugins.mini_batches import RESPONSES
from harness.verl.plugins.preference_loss import GROUP, LEVEL, Preference, log_ratios, pair_loss


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
    config: Any,
    kl: KLTerm | None,
    preference: Preference | None,
    model_output: Any,
    data: TensorDict,
    dp_group: Any = None,
) -> tuple[torch.Tensor, dict[str, Any]]:
    """verl's policy loss of one micro-batch or ours over pairs, plus a KL term of our own.

    Every term but the pairs' is divided by the size of the whole mini-batch (all micro-batches of
    all ranks), so the gradients that verl sums are those of the mini-batch's mean.

    Args:
        config: verl's ActorConfig; use_kl_loss is off where `kl` is given.
        kl: our KL term; null leaves it to verl.
        preference: pairs instead of the policy gradient; null takes verl's loss.
        model_output: log_probs and entropy, nested over the tokens of the micro-batch.
        data: the micro-batch with verl's sizes of the mini-batch.
        dp_group: unused by verl's loss as well.

    Returns:
        The loss, a scalar, and metrics under verl's names.
    """
    _count(data)
    loss: torch.Tensor
    if preference is None:
        loss, metrics = ppo_loss(
            config=config, model_output=model_output, data=data, dp_group=dp_group
        )
    else:
        loss, metrics = _preference_loss(config, preference, model_output, data)
    if kl is None:
        return loss, metrics
    padded = data.select("response_mask", "ref_log_prob").to_padded_tensor()
    penalty = aggregated_kl(
        no_padding_2_padding(model_output["log_probs"], data),
        padded["ref_log_prob"],
        padded["response_mask"].to(bool),
        kl,
        _mini_batch(data),
    )
    metrics["kl_loss"] = _summed(penalty)
    metrics["kl_coef"] = kl.coef
    return loss + kl.coef * penalty, metrics


def critic_loss(
    config: Any, model_output: Any, data: TensorDict, dp_group: Any = None
) -> tuple[torch.Tensor, dict[str, Any]]:
    """verl's value loss over the responses that a mini-batch really has."""
    _count(data)
    loss, metrics = value_loss(
        config=config, model_output=model_output, data=data, dp_group=dp_group
    )
    return loss, metrics


def _count(data: TensorDict) -> None:
    """The sizes of the mini-batch that means divide by."""
    # All responses of a mini-batch may be masked: a loss of 0, as TRL has it, and not 0 / 0.
    tensordict_utils.assign_non_tensor(data, batch_num_tokens=max(1, data["batch_num_tokens"]))
    if RESPONSES in data.keys():  # noqa: SIM118  a TensorDict iterates over rows
        responses = int(_one_a_row(data, RESPONSES)[0])
        tensordict_utils.assign_non_tensor(data, global_batch_size=responses)


def _one_a_row(data: TensorDict, field: str) -> torch.Tensor:
    column: torch.Tensor = data[field]
    return column.values() if column.is_nested else column.flatten()


def _mini_batch(data: TensorDict) -> dict[str, Any]:
    return {name: data[name] for name in ("dp_size", "batch_num_tokens", "global_batch_size")}


def _summed(value: torch.Tensor) -> Metric:
    """A metric whose micro-batches add up to the mini-batch's."""
    return Metric(value=value, aggregation=AggregationType.SUM)


def _preference_loss(
    config: Any, preference: Preference, model_output: Any, data: TensorDict
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Pairs of the micro-batch, the trust region and the entropy bonus (TRPA).

    Pairs meet within a micro-batch; its mean counts by its share of the mini-batch's responses, so
    that shares add up to 1 on any number of GPUs. The other terms are means as config says.
    """
    mini_batch, mode = _mini_batch(data), config.loss_agg_mode
    padded = data.select("response_mask", "ref_log_prob", "old_log_probs").to_padded_tensor()
    log_prob = no_padding_2_padding(model_output["log_probs"], data)
    mask = padded["response_mask"].to(bool)
    counts = mask.any(dim=-1)  # masked responses are in no pair
    ratios = log_ratios(log_prob, padded["ref_log_prob"], mask)[counts]
    pairs, count = pair_loss(
        ratios,
        _one_a_row(data, LEVEL)[counts],
        _one_a_row(data, GROUP)[counts],
        beta=preference.beta,
        best_weight=preference.best_weight,
    )
    share = int(counts.sum()) / mini_batch["global_batch_size"] * mini_batch["dp_size"]
    trust = KLTerm(
        coef=preference.trust_coef,
        estimator=preference.trust_estimator,
        aggregation=mode,
        token_limit=None,
        divisor=config.loss_scale_factor,
    )
    moved = aggregated_kl(log_prob, padded["old_log_probs"], mask, trust, mini_batch)
    entropy = agg_loss(
        loss_mat=no_padding_2_padding(model_output["entropy"], data),
        loss_mask=mask,
        loss_agg_mode=mode,
        loss_scale_factor=config.loss_scale_factor,
        **mini_batch,
    )
    loss = share * pairs + trust.coef * moved - config.entropy_coeff * entropy
    return loss, {
        "actor/pg_loss": _summed(share * pairs),
        "actor/entropy_loss": _summed(entropy),
        "actor/trust_region_kl": _summed(moved),
        "actor/preference_pairs": Metric(value=count, aggregation=AggregationType.SUM),
    }


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
