"""The memory plan against torch's own measurement: states, activations and logits on a CPU, and one
training step on a GPU where there is one. Prints one table for each. Run: python
bench/plan_memory.py"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.plan.memory.activations import (  # noqa: E402
    Entropy,
    backward_bytes,
    layer_bytes,
    logits_bytes,
    saved_bytes,
)
from harness.plan.memory.states import policy_state  # noqa: E402
from tests.plan.memory.measuring import (  # noqa: E402
    CHUNK,
    config,
    logits_peak,
    model_of,
    peak_bytes,
    saved_for_backward,
    shape_of,
    state_bytes,
    token_ids,
)

Row = tuple[str, float, float]
MB = 1e6
ENTROPIES: tuple[Entropy, ...] = ("none", "full", "chunked")


def show(title: str, unit: str, rows: Iterator[Row]) -> None:
    """One table: measured, planned, planned / measured."""
    print(f"\n{title}\n{'':<44}{'measured':>12}{'planned':>12}{'ratio':>8}  {unit}")
    for name, measured, planned in rows:
        print(f"{name:<44}{measured:>12.2f}{planned:>12.2f}{planned / measured:>8.3f}")


def states() -> Iterator[Row]:
    """Weights, gradients, moments and what a step allocates, of 57 million parameters."""
    chosen = config()
    model, state = model_of(chosen), policy_state(shape_of(chosen), shards=1)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    model(input_ids=token_ids(chosen, 1, 16), use_cache=False).logits.sum().backward()
    optimizer.step()
    yield "weights", sum(p.nbytes for p in model.parameters()) / MB, state.weights / MB
    gradients = sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
    yield "gradients", gradients / MB, state.gradients / MB
    kept = state_bytes(t for found in optimizer.state.values() for t in found.values())
    yield "AdamW moments", kept / MB, state.moments / MB
    yield "allocated by a step", peak_bytes(optimizer.step) / MB, state.step / MB


def activations() -> Iterator[Row]:
    """Saved tensors and the peak of forward and backward, per token."""
    chosen = config(vocab_size=512, num_hidden_layers=4)
    shape, ids = shape_of(chosen), token_ids(chosen, 2, 128)
    for dtype, checkpointing in product((torch.float32, torch.bfloat16), (False, True)):
        element = dtype.itemsize
        model = model_of(chosen, dtype, checkpointing=checkpointing)
        name = f"{str(dtype).removeprefix('torch.')}, {'' if checkpointing else 'no '}checkpointing"
        planned = saved_bytes(shape, element, checkpointing=checkpointing)
        yield f"saved: {name}", saved_for_backward(model, ids) / ids.numel(), planned
        again = layer_bytes(shape, element) if checkpointing else 0
        peak = peak_bytes(_backward(model, ids)) / ids.numel()
        yield f"peak: {name}", peak, planned + again + backward_bytes(shape, element)


def _backward(model: torch.nn.Module, ids: torch.Tensor) -> Callable[[], None]:
    def step() -> None:
        model.model(input_ids=ids, use_cache=False).last_hidden_state.sum().backward()

    step()
    model.zero_grad(set_to_none=False)  # so that gradients are no part of the peak
    return step


def logits() -> Iterator[Row]:
    """Peak bytes for each logit of log-probabilities and entropy."""
    tokens, vocab = 128, 8192
    for precision, entropy, gradients in product(("autocast", "fp32"), ENTROPIES, (True, False)):
        element = 2 if precision == "autocast" else 4
        planned = logits_bytes(
            tokens, vocab, entropy, gradients=gradients, element=element, chunk_tokens=CHUNK
        )
        name = f"{precision}, entropy {entropy}, {'with' if gradients else 'no'} gradients"
        measured = logits_peak(entropy, precision, gradients=gradients)
        yield name, measured, planned / (tokens * vocab)


def on_gpu() -> Iterator[Row]:
    """Peak of forward and backward in bf16, with gradients and weights in place, on a GPU."""
    chosen = config(vocab_size=512, hidden_size=1024, intermediate_size=4096)
    shape, ids = shape_of(chosen), token_ids(chosen, 8, 1024).cuda()
    for checkpointing in (False, True):
        model = model_of(chosen, torch.bfloat16, checkpointing=checkpointing).cuda()
        step = _backward(model, ids)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        measured = torch.cuda.max_memory_allocated() - before
        again = layer_bytes(shape) if checkpointing else 0
        planned = saved_bytes(shape, checkpointing=checkpointing) + again + backward_bytes(shape)
        name = f"peak: {'' if checkpointing else 'no '}checkpointing"
        yield name, measured / MB, ids.numel() * planned / MB


def main() -> None:
    """Prints all tables."""
    show("states of 57 M parameters, fp32", "MB", states())
    show("activations of four layers", "bytes a token", activations())
    show("around the logits", "bytes a logit", logits())
    if torch.cuda.is_available():
        show(f"activations on {torch.cuda.get_device_name()}", "MB", on_gpu())
    else:
        print("\nactivations on a GPU: not run, there is none here")


if __name__ == "__main__":
    main()
