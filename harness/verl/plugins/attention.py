"""Attention over packed sequences by the flash kernels that torch ships; hardware.attention=varlen
selects it in every model that verl trains or takes log-probabilities from.

verl packs the sequences of a micro-batch into one row and marks where each begins by position 0.
The flash-attn package, which transformers would want for that, has no wheels on PyPI: it is
compiled on the user's machine.
"""

from inspect import signature
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from torch.utils.weak import WeakTensorKeyDictionary

NAME = "varlen"
UNSUPPORTED = ("softcap", "s_aux")
"""What some architectures ask of their attention, and these kernels do not compute."""


class Bounds(NamedTuple):
    """Where sequences lie in a packed row."""

    offsets: torch.Tensor
    """Int32 [sequences + 1]: first token of each, and the number of tokens."""
    longest: int
    """Tokens of the longest."""


_bounds: Any = WeakTensorKeyDictionary()
"""Position tensor -> its bounds: every layer gets the same tensor, and finding them waits for the
GPU."""


def bounds(position_ids: torch.Tensor) -> Bounds:
    """The sequences of one packed row.

    Args:
        position_ids: [1, T]; each sequence starts at 0.

    Raises:
        ValueError: more than one row, or tokens before the first start.
    """
    found: Bounds | None = _bounds.get(position_ids)
    if found is None:
        if position_ids.shape[0] != 1 or int(position_ids[0, 0]) != 0:
            raise ValueError(
                f"hardware.attention={NAME} takes one packed row whose first position is 0, not "
                f"positions of shape {tuple(position_ids.shape)}: set hardware.remove_padding=true"
            )
        row = position_ids[0]
        starts = (row == 0).nonzero().view(-1)
        offsets = torch.cat([starts, starts.new_tensor([len(row)])]).to(torch.int32)
        found = Bounds(offsets, int(offsets.diff().max()))
        _bounds[position_ids] = found
    return found


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    position_ids: torch.Tensor,
    scaling: float | None = None,
    sliding_window: int | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each sequence of a packed row, as transformers calls it.

    Args:
        module: the attention layer.
        query: [1, H, T, D].
        key, value: [1, H_k, T, D]; H_k divides H (grouped queries).
        attention_mask: none; the positions say what belongs together.
        position_ids: [1, T]; each sequence starts at 0.
        scaling: factor of the scores; null is 1 / sqrt(D).
        sliding_window: tokens that a token sees, itself included; null is all before it.
        dropout: none.

    Returns:
        [1, T, H, D] in the query's precision, or autocast's where that holds; no weights.

    Raises:
        ValueError: a mask, dropout, or a kind of attention that is not computed here.
    """
    asked = [name for name in UNSUPPORTED if others.get(name) is not None]
    if attention_mask is not None or dropout or asked:
        what = asked or (["a mask"] if attention_mask is not None else ["dropout"])
        raise ValueError(
            f"hardware.attention={NAME} does not compute {', '.join(what)}: set "
            "hardware.attention=flash_attention_2"
        )
    if torch.is_autocast_enabled(query.device.type):
        dtype = torch.get_autocast_dtype(query.device.type)
        query, key, value = (tensor.to(dtype) for tensor in (query, key, value))
    attend = _by_kernel if query.is_cuda else _by_sequence
    packed = (tensor.transpose(1, 2)[0] for tensor in (query, key, value))
    where = bounds(position_ids)
    return attend(*packed, where=where, scaling=scaling, window=sliding_window)[None], None


def _by_kernel(
    *packed: torch.Tensor, where: Bounds, scaling: float | None, window: int | None
) -> torch.Tensor:
    """Query, key and value [T, heads, D] to [T, H, D]."""
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = packed
    offsets, longest = where
    before = -1 if window is None else window - 1
    # torch 2.11 takes grouped queries as they are, later ones when they are told.
    told = {"enable_gqa": True} if "enable_gqa" in signature(varlen_attn).parameters else {}
    options: dict[str, Any] = {"scale": scaling, "window_size": (before, 0), **told}
    found: Any = varlen_attn(query, key, value, offsets, offsets, longest, longest, **options)
    attended: torch.Tensor = found
    return attended


def _by_sequence(
    *packed: torch.Tensor, where: Bounds, scaling: float | None, window: int | None
) -> torch.Tensor:
    """The same where there is no GPU: one sequence after the other."""
    parts = []
    for start, end in pairwise(where.offsets.tolist()):
        one, keys, values = (tensor[start:end].transpose(0, 1)[None] for tensor in packed)
        seen = torch.ones(end - start, end - start, dtype=torch.bool, device=one.device).tril()
        seen = seen if window is None else seen.triu(1 - window)
        found = functional.scaled_dot_product_attention(
            one, keys, values, attn_mask=seen, scale=scaling, enable_gqa=True
        )
        parts.append(found[0].transpose(0, 1))
    return torch.cat(parts)


def apply(module: ModuleType) -> None:
    """Register with transformers.modeling_utils; without a mask function it makes no mask."""
    module.AttentionInterface.register(NAME, packed_attention)
