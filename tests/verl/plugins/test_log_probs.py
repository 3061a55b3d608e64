"""Log-probabilities from half-precision logits against float64, values and gradients."""

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from harness.verl.plugins.patches import log_probs as patched  # noqa: E402


def case() -> tuple[Any, Any]:
    """Logits [7, 11] in bf16 over a wide range, and labels."""
    generator = torch.Generator().manual_seed(0)
    logits = 30 * torch.randn(7, 11, generator=generator)
    labels = torch.randint(11, (7,), generator=generator)
    return logits.to(torch.bfloat16).requires_grad_(), labels


@pytest.fixture(autouse=True)
def chunks_do_not_divide_the_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patched, "CHUNK_TOKENS", 3)


@pytest.mark.parametrize("in_place", [False, True])
def test_values_and_gradients_are_those_of_float64(in_place: bool) -> None:
    logits, labels = case()
    exact = logits.detach().double().requires_grad_()
    expected = exact.log_softmax(-1).gather(-1, labels[:, None])[:, 0]
    weights = torch.linspace(-2, 2, 7)
    (gradient,) = torch.autograd.grad(expected, exact, weights.double())

    work = logits * 1  # no leaf: a gradient may take its place
    found = patched.log_probs(work, labels, in_place)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-6)
    (ours,) = torch.autograd.grad(found, logits, weights)
    torch.testing.assert_close(ours.double(), gradient, atol=4e-3, rtol=8e-3)  # bf16 has 8 bits
    assert torch.equal(work, logits) is not in_place


def test_shapes_of_verl() -> None:
    logits, labels = case()
    found = patched.log_probs(logits.detach()[None], labels[None])
    assert found.shape == (1, 7)


def verl_module(installed: bool) -> Any:
    return SimpleNamespace(
        FLAH_ATTN_CROSS_ENTROPY_LOSS_AVAILABLE=installed,
        logprobs_from_logits=lambda logits, labels, inplace_backward=True: "verl's",
    )


def test_it_stands_in_for_flash_attn_only() -> None:
    logits, labels = case()
    module = verl_module(installed=True)
    patched.apply(module)
    assert module.logprobs_from_logits(logits, labels) == "verl's"
    module = verl_module(installed=False)
    patched.apply(module)
    assert module.logprobs_from_logits(logits.float(), labels) == "verl's"
    assert module.logprobs_from_logits(logits=logits, labels=labels).shape == (7,)
