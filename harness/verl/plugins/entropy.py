"""The controller of the entropy bonus; update.py asks it after every update, and its state is in
every checkpoint.

He et al. 2025 (Skywork-OR1, arXiv:2505.22312), section 3.2.5, as EntController of
SkyworkAI/Skywork-OR1@64e96af:verl/trainer/ppo/core_algos.py:56 has it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from harness.verl.plugins import storage

METRIC = "training/entropy_coef"


def next_coefficient(
    coefficient: float,
    entropy: float,
    *,
    target: float,
    delta: float,
    min_coef: float,
    max_coef: float,
) -> float:
    """The coefficient after a step of this entropy: c + delta below the target, else c - delta,
    held within the bounds.

    Args:
        coefficient: the one so far.
        entropy: of the step, in nats a token.
        target, delta, min_coef, max_coef: as in harness.spec.AdaptiveEntropy.
    """
    moved = coefficient + delta if entropy < target else coefficient - delta
    return min(max(moved, min_coef), max_coef)


def first_state(settings: Mapping[str, float]) -> dict[str, Any]:
    """What is known before the first step: the smallest coefficient, applied."""
    return {"coefficient": settings["min_coef"], "applied": True}


def next_state(
    state: Mapping[str, Any], entropy: float, settings: Mapping[str, float]
) -> dict[str, Any]:
    """What is known after a step; its coefficient counts in the next only below the target."""
    coefficient = next_coefficient(state["coefficient"], entropy, **settings)
    return {"coefficient": coefficient, "applied": entropy < settings["target"]}


def applied(state: Mapping[str, Any]) -> float:
    """The coefficient of the next update."""
    return float(state["coefficient"]) if state["applied"] else 0.0


def measured(keys: Sequence[str], partition: str) -> float:
    """The entropy that is watched: the mean of -log p over the tokens that were sampled.

    It estimates the entropy without computing it; p is the policy's before the update.
    """
    data = storage.read(keys, partition, "old_log_probs", "response_mask")
    total = tokens = 0.0
    for log_probs, mask in zip(data["old_log_probs"], data["response_mask"], strict=True):
        total -= float((log_probs.to(torch.float64) * mask).sum())
        tokens += float(mask.sum())
    return total / max(1.0, tokens)
