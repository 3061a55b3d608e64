"""Bytes that a forward and backward pass keeps beside weights, gradients and optimizer state, per
token of a micro-batch; passes.py adds them up. Pure functions, held against torch's own counts by
tests/plan/memory and bench/plan_memory.py."""

from dataclasses import dataclass
from typing import Literal

from harness.plan.shape import ModelShape

Entropy = Literal["none", "full", "chunked"]
"""Whether a pass computes the entropy of every token, and from all logits at once or in chunks."""

BF16, FP32 = 2, 4

CHUNK_TOKENS = 2048
"""Tokens of one chunk (verl's entropy_from_logits_chunk_size)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitPeak:
    """Bytes at one moment at which memory may peak around the logits of a micro-batch."""

    per_logit: float
    """For each logit: tokens x vocabulary of them."""
    per_chunk_logit: float = 0.0
    """For each logit of one chunk of the entropy, besides."""
    forward: bool = True
    """It comes in the forward pass, where logits before scaling are still there."""


LOGITS: dict[tuple[Entropy, bool], tuple[LogitPeak, ...]] = {
    # (entropy, with gradients)
    ("none", True): (LogitPeak(per_logit=2),),
    ("none", False): (LogitPeak(per_logit=2),),
    ("full", True): (LogitPeak(per_logit=26, forward=False),),
    ("full", False): (LogitPeak(per_logit=14),),
    ("chunked", True): (
        LogitPeak(per_logit=12, per_chunk_logit=4, forward=False),
        LogitPeak(per_logit=10, per_chunk_logit=20, forward=False),
    ),
    ("chunked", False): (LogitPeak(per_logit=2, per_chunk_logit=12),),
}
"""bf16 logits under CUDA's autocast, which takes softmax, logsumexp and sum to fp32, as torch's
profiler counts them (verl==0.9.1:verl/utils/torch_functional.py, entropy_from_logits; log-probs as
flash-attn's cross-entropy and harness/verl/plugins/patches/log_probs.py take them: the logits are
kept, and the gradient comes in their place unless the entropy needs them)."""

LOGITS_FP32: dict[tuple[Entropy, bool], tuple[LogitPeak, ...]] = {
    ("none", True): (LogitPeak(per_logit=12, forward=False),),
    ("none", False): (LogitPeak(per_logit=4),),
    ("full", True): (LogitPeak(per_logit=28, forward=False),),
    ("full", False): (LogitPeak(per_logit=12),),
    ("chunked", True): (LogitPeak(per_logit=15, per_chunk_logit=8, forward=False),),
    ("chunked", False): (LogitPeak(per_logit=4, per_chunk_logit=8),),
}
"""fp32 logits without autocast and without flash attention (the CPU profile), counted likewise."""


def logits_bytes(
    tokens: int,
    vocab: int,
    entropy: Entropy,
    *,
    gradients: bool,
    scaled: bool = False,
    element: int = BF16,
    chunk_tokens: int = CHUNK_TOKENS,
) -> float:
    """Peak bytes of the logits of a micro-batch and of what is computed from them.

    Args:
        tokens: tokens of the micro-batch.
        vocab: entries of the vocabulary.
        entropy: whether and how the entropy is computed.
        gradients: the pass is followed by a backward pass.
        scaled: the temperature is not 1, so that a scaled copy of the logits is made.
        element: bytes of a logit.
        chunk_tokens: tokens of one chunk of the entropy.
    """
    table = LOGITS if element == BF16 else LOGITS_FP32
    chunk, copy = min(tokens, chunk_tokens), element if scaled else 0
    return max(
        vocab * ((peak.per_logit + copy * peak.forward) * tokens + peak.per_chunk_logit * chunk)
        for peak in table[entropy, gradients]
    )


def layer_bytes(shape: ModelShape, element: int = BF16) -> int:
    """Bytes that one decoder layer saves for its backward pass, per token.

    With an attention kernel that keeps no score matrix (flash attention, or torch's own), and norms
    computed in fp32 as transformers does: an fp32 copy of the input, a normalised copy, the output.

    Args:
        shape: the model.
        element: bytes of an activation.
    """
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    norms = 2 * shape.hidden * (FP32 + 2 * element)
    if shape.qk_norm:
        norms += (queries + keys) * (FP32 + element)
    attention = element * (2 * queries + 2 * keys) + FP32 * shape.heads
    mlp = 4 * shape.intermediate * element
    return norms + attention + mlp


def backward_bytes(shape: ModelShape, element: int = BF16) -> int:
    """Gradients of activations in flight while one layer's MLP is differentiated, per token."""
    return 2 * shape.intermediate * element


def saved_bytes(shape: ModelShape, element: int = BF16, *, checkpointing: bool) -> int:
    """Bytes that all layers and the last norm save for the backward pass, per token.

    With gradient checkpointing a layer saves its input only, and computes the rest again.
    """
    layer = shape.hidden * element if checkpointing else layer_bytes(shape, element)
    last_norm = shape.hidden * (FP32 + 2 * element)
    return shape.layers * layer + last_norm
