"""The project's attention over packed sequences against a float32 reference, forward and gradients;
the part `check` runs it on the device."""

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LENGTHS = (1, 7, 64, 129, 300)
"""Tokens of the sequences of one packed row."""
HEADS, KV_HEADS, HEAD_DIM = 14, 2, 64
"""Qwen2.5-0.5B's: seven queries share a key."""
ALLOWED_ERROR = 2e-2
"""Relative error (Frobenius): five roundings to bf16, whose unit is 2**-8 = 0.0039. A sequence that
sees another, or a key that meets the wrong queries, is off by a tenth and more."""
SEED = 0


def attention_errors(device: str) -> dict[str, float]:
    """Relative error of the output and of the gradients of query, key and value, in bf16."""
    import torch

    from harness.verl.plugins import attention

    total = sum(LENGTHS)
    generator = torch.Generator().manual_seed(SEED)

    def drawn(*size: int) -> "Tensor":
        return torch.randn(*size, generator=generator).to(torch.bfloat16).to(device)

    inputs = [drawn(1, heads, total, HEAD_DIM) for heads in (HEADS, KV_HEADS, KV_HEADS)]
    toward = drawn(1, total, HEADS, HEAD_DIM)
    positions = torch.cat([torch.arange(length) for length in LENGTHS])[None].to(device)
    ours = [tensor.clone().requires_grad_() for tensor in inputs]
    query, key, value = ours
    output, _ = attention.packed_attention(
        torch.nn.Module(), query, key, value, None, position_ids=positions
    )
    torch.autograd.backward(output, toward)
    exact = [tensor.float().requires_grad_() for tensor in inputs]
    wanted = reference(exact)
    torch.autograd.backward(wanted, toward.float())
    names = ("query", "key", "value")
    pairs = {"output": (output, wanted)} | {
        f"{name} gradient": (mine.grad, right.grad)
        for name, mine, right in zip(names, ours, exact, strict=True)
    }
    return {name: relative_error(mine, right) for name, (mine, right) in pairs.items()}


def reference(inputs: "list[Tensor]") -> "Tensor":
    """Causal attention by its definition, one sequence after the other; [1, T, H, D]."""
    import torch

    query, key, value = inputs
    key, value = (t.repeat_interleave(HEADS // KV_HEADS, dim=1) for t in (key, value))
    ends = torch.tensor([0, *LENGTHS]).cumsum(0).tolist()
    parts = []
    for start, end in pairwise(ends):
        q, k, v = (tensor[:, :, start:end] for tensor in (query, key, value))
        scores = q @ k.transpose(-1, -2) / HEAD_DIM**0.5
        hidden = torch.ones(end - start, end - start, device=q.device, dtype=torch.bool).triu(1)
        parts.append(scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v)
    return torch.cat(parts, dim=2).transpose(1, 2)


def relative_error(found: "Tensor | None", wanted: "Tensor | None") -> float:
    """Norm of the difference over the norm of what is right."""
    assert found is not None and wanted is not None
    right = wanted.detach()
    return float((found.detach().float() - right).norm() / right.norm())
