"""Torch's own measurements of what a model takes, for the tests of the memory plan and for
bench/plan_memory.py."""

from collections.abc import Callable, Iterator
from typing import Any, Literal
from unittest import mock

import torch
from torch.nn import Module
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM, Qwen2Config
from verl.utils.torch_functional import (
    entropy_from_logits,
    entropy_from_logits_with_chunking,
    logprobs_from_logits_v2,
)

from harness.plan.memory.activations import Entropy
from harness.plan.shape import ModelShape, shape_of_config
from harness.verl.plugins.patches import log_probs as patched

CHUNK = 16
"""Tokens of one chunk of the entropy in these measurements."""


def config(**changes: Any) -> Qwen2Config:
    """A Qwen2 of 58 million parameters with grouped queries, or a changed one."""
    sizes = {
        "vocab_size": 32000,
        "hidden_size": 512,
        "intermediate_size": 1536,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "tie_word_embeddings": False,
    }
    return Qwen2Config(**(sizes | changes))


def shape_of(model_config: Any) -> ModelShape:
    """The shape that the plan reads from a configuration."""
    shape = shape_of_config(model_config.to_dict(), "test")
    assert shape is not None
    return shape


def model_of(
    model_config: Any, dtype: torch.dtype = torch.float32, *, checkpointing: bool = False
) -> Module:
    """A model with random weights, as it is trained."""
    model = AutoModelForCausalLM.from_config(model_config, attn_implementation="sdpa").to(dtype)
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model


def token_ids(model_config: Any, rows: int, tokens: int) -> torch.Tensor:
    """Random tokens, (rows, tokens)."""
    return torch.randint(0, model_config.vocab_size, (rows, tokens))


def saved_for_backward(model: Module, ids: torch.Tensor) -> int:
    """Bytes that a forward pass saves for the backward pass, without weights; each storage once."""
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        address = tensor.untyped_storage().data_ptr()
        if address not in weights:
            saved[address] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(input_ids=ids, use_cache=False)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


def peak_bytes(work: Callable[[], object]) -> int:
    """The most bytes allocated at once while `work` ran on the CPU, by torch's profiler."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        work()
    events: Any = found.profiler.kineto_results.events()
    sizes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    now = peak = 0
    for _, size in sizes:
        now += size
        peak = max(peak, now)
    return peak


def state_bytes(tensors: Iterator[torch.Tensor]) -> int:
    """Bytes of tensors, those of a single number (AdamW's step count) left out."""
    return sum(tensor.nbytes for tensor in tensors if tensor.dim() > 0)


def logits_peak(
    entropy: Entropy,
    precision: Literal["autocast", "fp32"],
    *,
    gradients: bool,
    scaled: bool = False,
    tokens: int = 128,
    vocab: int = 8192,
) -> float:
    """Peak bytes per logit of log-probabilities and entropy as verl computes them.

    autocast: bf16 logits, with the casts to fp32 that CUDA's autocast makes written out (a CPU's
    autocast makes others), and log-probabilities that keep the logits, in chunks of no weight.
    fp32: verl's own functions without flash attention.
    """
    dtype = torch.bfloat16 if precision == "autocast" else torch.float32
    hidden = torch.randn(tokens, 4, dtype=dtype, requires_grad=gradients)
    head = torch.randn(4, vocab, dtype=dtype)
    labels = torch.randint(0, vocab, (tokens,))
    temperature = torch.ones(tokens, 1, dtype=dtype)

    def work() -> None:
        raw = hidden @ head
        logits = raw / temperature if scaled else raw
        total = torch.zeros(())
        if entropy != "none":
            total = total - 0.0 * _entropy(logits, entropy, precision).sum()
        if precision == "autocast":
            chosen = patched.log_probs(logits, labels, inplace_backward=entropy == "none")
        else:
            chosen = logprobs_from_logits_v2(logits, labels)
        total = total + chosen.sum()
        del raw, logits, chosen
        if gradients:
            total.backward()

    in_small_chunks = mock.patch.object(patched, "CHUNK_TOKENS", 1)
    with torch.set_grad_enabled(gradients), in_small_chunks:
        return peak_bytes(work) / (tokens * vocab)


def _entropy(logits: torch.Tensor, entropy: Entropy, precision: str) -> torch.Tensor:
    if entropy == "chunked":
        # Casts to fp32 itself, so that autocast has nothing to add.
        return entropy_from_logits_with_chunking(logits, CHUNK)
    if precision == "fp32":
        return entropy_from_logits(logits)
    chances = torch.softmax(logits.float(), dim=-1)
    return torch.logsumexp(logits.float(), dim=-1) - torch.sum(chances * logits, dim=-1)
