"""The moments at which a pass over a micro-batch may take most memory, by component: at the logits,
at the output head, at a layer, at the optimizer's step. Pure functions; phases.py adds what else
lies on the GPU."""

from dataclasses import dataclass

from harness.plan.memory.activations import (
    BF16,
    Entropy,
    backward_bytes,
    layer_bytes,
    logits_bytes,
    saved_bytes,
)
from harness.plan.memory.setting import Setting
from harness.plan.memory.states import State, gathered_head, gathered_layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One component of what lies in memory."""

    name: str
    gb: float
    note: str
    """How it is computed."""


def part(name: str, size: float, note: str) -> Part:
    """A component of `size` bytes."""
    return Part(name=name, gb=size / 1e9, note=note)


Moment = list[Part]


def update_moments(setting: Setting, state: State, *, logits: bool) -> list[Moment]:
    """The peaks of an optimizer update of one model, without its weights and moments.

    Args:
        setting: the training.
        state: the model that is updated.
        logits: it predicts tokens; a value model has one output a token instead.
    """
    shape, tokens, element = setting.shape, setting.micro_tokens, setting.element
    saved = tokens * saved_bytes(shape, element, checkpointing=setting.checkpointing)
    kept = part("activations", saved, _saved_note(setting))
    gradients = part(
        "gradients",
        state.gradients,
        f"{state.trained / 1e9:.3g} B trained parameters x 4 bytes / {state.shards}",
    )
    step = part("optimizer step", state.step, "square root of the second moment, fp32")
    moments = [[gradients, step], _layer_moment(setting, state, saved, gradients)]
    if not logits:
        return moments
    # Gradients of earlier micro-batches are there from the second one on.
    earlier = [gradients] if setting.micro_batches > 1 else []
    trained_head = state.trained == state.count
    moments.append(
        [
            *earlier,
            kept,
            _logits(setting, setting.update_entropy, gradients=True),
            _head(setting, gradient=False),
        ]
    )
    dlogits = part("logits", tokens * shape.vocab * element, "their gradient")
    moments.append([*earlier, kept, dlogits, _head(setting, gradient=trained_head)])
    return moments


def forward_moments(setting: Setting, entropy: Entropy, *, logits: bool) -> list[Moment]:
    """The peaks of a pass without gradients, without the weights."""
    shape, tokens, element = setting.shape, setting.micro_tokens, setting.element
    working = tokens * layer_bytes(shape, element)
    gathered = gathered_layers(shape, element, trained=False, backward=False)
    moments = [
        [
            part("activations", working, f"one layer, {tokens:,} tokens"),
            part("gathered layers", gathered, _gathered_note(setting)),
        ]
    ]
    if logits:
        hidden = part("activations", tokens * shape.hidden * (4 + 2 * element), "the last norm")
        moments.append(
            [
                hidden,
                _logits(setting, entropy, gradients=False),
                _head(setting, gradient=False),
            ]
        )
    return moments


def _layer_moment(setting: Setting, state: State, saved: float, gradients: Part) -> Moment:
    """The backward pass of one layer: recomputed where it was not kept."""
    shape, tokens, element = setting.shape, setting.micro_tokens, setting.element
    again = layer_bytes(shape, element) if setting.checkpointing else 0
    activations = saved + tokens * (again + backward_bytes(shape, element))
    note = _saved_note(setting) + (", one layer recomputed" if again else "")
    trained = state.trained == state.count
    gathered = gathered_layers(shape, element, trained=trained, backward=True)
    return [
        gradients,
        part("activations", activations, note),
        part("gathered layers", gathered, _gathered_note(setting) + ", gradient of one"),
    ]


def _logits(setting: Setting, entropy: Entropy, *, gradients: bool) -> Part:
    size = logits_bytes(
        setting.micro_tokens,
        setting.shape.vocab,
        entropy,
        gradients=gradients,
        scaled=setting.scaled,
        element=setting.element,
    )
    per_logit = size / (setting.micro_tokens * setting.shape.vocab)
    words = {"none": "no entropy", "full": "entropy of all at once", "chunked": "entropy in chunks"}
    note = (
        f"{setting.micro_tokens:,} tokens x {setting.shape.vocab:,} x {per_logit:.3g} bytes "
        f"({words[entropy]})"
    )
    return part("logits", size, note)


def _head(setting: Setting, *, gradient: bool) -> Part:
    size = gathered_head(setting.shape, setting.element, gradient=gradient)
    return part("gathered head", size, "all of the output head" + (", its gradient" * gradient))


def _saved_note(setting: Setting) -> str:
    what = "inputs of the layers" if setting.checkpointing else "all layers"
    return f"{what}, {setting.micro_tokens:,} tokens"


def _gathered_note(setting: Setting) -> str:
    root = " and the tied embedding" if setting.shape.tied else ""
    precision = "bf16" if setting.element == BF16 else "fp32"
    return f"two layers{root}, {precision}"
