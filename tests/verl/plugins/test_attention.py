"""Attention over packed sequences: what a model computes for each sequence alone, and what the
kernel is given."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
modeling = pytest.importorskip("transformers.modeling_utils")

from torch.nn.attention import varlen  # noqa: E402
from transformers import Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from harness.verl.plugins import attention  # noqa: E402

LENGTHS = (5, 1, 9)
LAYER = torch.nn.Module()


def positions() -> Any:
    return torch.cat([torch.arange(length) for length in LENGTHS])[None]


def projections(dtype: Any = torch.float64) -> list[Any]:
    """Query of four heads, key and value of two; [1, heads, tokens, 8]."""
    generator = torch.Generator().manual_seed(0)
    sizes = (4, 2, 2)
    return [
        torch.randn(1, heads, sum(LENGTHS), 8, generator=generator, dtype=dtype) for heads in sizes
    ]


def reference(query: Any, key: Any, value: Any, window: int | None = None) -> Any:
    """Softmax attention written out, over one row with a block for each sequence."""
    sequence = torch.repeat_interleave(torch.arange(len(LENGTHS)), torch.tensor(LENGTHS))
    place = torch.arange(sum(LENGTHS))
    behind = place[:, None] - place[None]
    seen = (sequence[:, None] == sequence[None]) & (behind >= 0)
    seen &= behind < (window or len(place))
    key, value = (tensor.repeat_interleave(2, dim=1) for tensor in (key, value))
    scores = query @ key.transpose(-1, -2) / 8**0.5
    weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
    return (weights @ value).transpose(1, 2)


def kernel(given: list[dict[str, Any]]) -> Any:
    """A stand-in for torch's kernel, which needs a GPU: records its call and computes it in words
    of the kernel's own arguments."""

    def varlen_attn(
        query: Any, key: Any, value: Any, starts: Any, starts_k: Any, most: int, most_k: int,
        *, scale: float | None, window_size: tuple[int, int], enable_gqa: bool = False,
    ) -> Any:  # fmt: skip
        given.append({"starts": starts, "most": most, "window": window_size, "gqa": enable_gqa})
        assert starts.dtype == starts_k.dtype == torch.int32 and most == most_k
        window = None if window_size[0] < 0 else window_size[0] + 1
        rows = (tensor.transpose(0, 1)[None] for tensor in (query, key, value))
        return reference(*rows, window=window)[0]

    return varlen_attn


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("on", ["cpu", "kernel"])
def test_each_sequence_sees_itself_only(
    on: str, window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []
    if on == "kernel":
        monkeypatch.setattr(varlen, "varlen_attn", kernel(given))
        monkeypatch.setattr(attention, "_by_sequence", attention._by_kernel)
    tensors = [tensor.requires_grad_() for tensor in projections()]
    found, weights = attention.packed_attention(
        LAYER, *tensors, None, position_ids=positions(), sliding_window=window
    )
    assert weights is None and found.shape == (1, 15, 4, 8)
    expected = reference(*tensors, window=window)
    torch.testing.assert_close(found, expected)
    direction = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, tensors, direction),
        torch.autograd.grad(expected, tensors, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    if on == "kernel":
        (call,) = given
        assert call["starts"].tolist() == [0, 5, 6, 15] and call["most"] == 9
        assert call["window"] == (-1 if window is None else 2, 0) and call["gqa"]


def test_a_model_gives_each_sequence_what_it_gives_it_alone() -> None:
    attention.apply(modeling)
    config = Qwen2Config(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, attn_implementation="varlen",
    )  # fmt: skip
    model = Qwen2ForCausalLM(config)
    assert model.config._attn_implementation == "varlen"
    ids = torch.randint(50, (1, sum(LENGTHS)), generator=torch.Generator().manual_seed(1))
    packed = model(input_ids=ids, position_ids=positions(), use_cache=False).logits
    model.set_attn_implementation("eager")
    alone = [model(input_ids=row).logits for row in ids.split(LENGTHS, dim=1)]
    torch.testing.assert_close(packed, torch.cat(alone, dim=1), atol=1e-5, rtol=1e-4)


def test_positions_are_read_once_for_all_layers() -> None:
    row = positions()
    assert attention.bounds(row) is attention.bounds(row)
    assert attention.bounds(row.clone()) is not attention.bounds(row)


@pytest.mark.parametrize("rows", [[[0, 1], [0, 1]], [[3, 4, 0]]])
def test_what_is_not_packed_is_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"hardware\.remove_padding=true"):
        attention.bounds(torch.tensor(rows))


@pytest.mark.parametrize(
    ("mask", "options", "named"),
    [
        (torch.ones(1, 15), {}, "a mask"),
        (None, {"dropout": 0.1}, "dropout"),
        (None, {"softcap": 30.0}, "softcap"),
    ],
)
def test_what_the_kernel_lacks_is_refused(mask: Any, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"does not compute {named}"):
        attention.packed_attention(LAYER, *projections(), mask, position_ids=positions(), **options)


def test_under_autocast_the_kernel_gets_half_precision() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = attention.packed_attention(
            LAYER, *projections(torch.float32), None, position_ids=positions()
        )
    assert found.dtype == torch.bfloat16
