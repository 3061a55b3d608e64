"""Log-probabilities of chosen tokens from half-precision logits where flash-attn is not installed;
the plug-ins put it under verl's own function.

Without that package verl 0.9.1 takes one token after the other (torch_functional.py,
logprobs_from_logits_v2): tens of thousands of kernels for one micro-batch, and every log-softmax is
kept. Here, as in flash-attn's cross-entropy, the logits are all that is kept.
"""

import functools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch

CHUNK_TOKENS = 256
"""Tokens whose logits are in fp32 at the same time; a third of a GB for a vocabulary of 152 k."""
HALF = (torch.bfloat16, torch.float16)


class TokenLogProbs(torch.autograd.Function):
    r"""$\log p_t = z_{t,y_t} - \log \sum_v e^{z_{t,v}}$, computed in fp32 chunk by chunk.

    Gradient: $\partial \log p_t / \partial z_{t,v} = 1[v = y_t] - p_{t,v}$.
    """

    @staticmethod
    def forward(
        context: Any, logits: torch.Tensor, labels: torch.Tensor, in_place: bool
    ) -> torch.Tensor:
        """Log-probabilities [T] in fp32 of labels [T] under logits [T, V]."""
        chosen, normalizers = [], []
        for rows in _chunks(len(labels)):
            wide = logits[rows].float()
            normalizers.append(wide.logsumexp(dim=-1))
            chosen.append(wide.gather(-1, labels[rows, None])[:, 0])
        normalizer = torch.cat(normalizers)
        context.save_for_backward(logits, labels, normalizer)
        context.in_place = in_place
        return torch.cat(chosen) - normalizer

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """The gradient [T, V] in the logits' precision; in their place where nothing else needs
        them."""
        (gradient,) = gradients
        logits, labels, normalizer = context.saved_tensors
        result = logits.detach() if context.in_place else torch.empty_like(logits)
        for rows in _chunks(len(labels)):
            share = logits[rows].float().sub_(normalizer[rows, None]).exp_().neg_()
            share.scatter_add_(-1, labels[rows, None], torch.ones_like(share[:, :1]))
            result[rows] = share.mul_(gradient[rows, None])
        return result, None, None


def _chunks(tokens: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK_TOKENS) for start in range(0, tokens, CHUNK_TOKENS))


def log_probs(
    logits: torch.Tensor, labels: torch.Tensor, inplace_backward: bool = True
) -> torch.Tensor:
    """Log-probability of each label.

    Args:
        logits: [..., V] in bf16 or fp16.
        labels: [...], integer.
        inplace_backward: the gradient may take the place of the logits.

    Returns:
        [...] in fp32.
    """
    # A view, even one of the same shape, costs memory in the backward pass.
    flat = logits if logits.dim() == 2 else logits.reshape(-1, logits.shape[-1])
    found: torch.Tensor = TokenLogProbs.apply(  # type: ignore[no-untyped-call]
        flat, labels.reshape(-1), inplace_backward
    )
    return found.view(labels.shape)


def apply(module: ModuleType) -> None:
    """Take the place of the fallback in verl.utils.torch_functional where flash-attn is missing."""
    if module.FLAH_ATTN_CROSS_ENTROPY_LOSS_AVAILABLE:
        return
    of_verl = module.logprobs_from_logits

    @functools.wraps(of_verl)
    def logprobs_from_logits(
        logits: torch.Tensor, labels: torch.Tensor, inplace_backward: bool = True
    ) -> torch.Tensor:
        if logits.dtype in HALF:
            return log_probs(logits, labels, inplace_backward)
        whole: torch.Tensor = of_verl(logits, labels, inplace_backward)
        return whole

    module.logprobs_from_logits = logprobs_from_logits  # type: ignore[attr-defined]
