"""Bytes of the models that a run trains: sharded weights, gradients and optimizer state, and what
FSDP2 gathers of them; passes.py reads it. Pure functions of a shape."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.fit import FROZEN_BYTES, STATE_BYTES
from harness.plan.shape import ModelShape, parameters

GRADIENT_BYTES = FROZEN_BYTES
"""fp32, as the weights: gradients are reduced and accumulated in fp32."""
MOMENT_BYTES = STATE_BYTES - FROZEN_BYTES - GRADIENT_BYTES
"""Two fp32 moments of AdamW."""
STEP_BYTES = 4
"""The square root of the second moment, for all parameters at once
(torch==2.13.0:torch/optim/adam.py, _multi_tensor_adam)."""
LAYER_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Low-rank adapters: their rank and the linear layers that get one."""

    rank: int
    modules: Sequence[str] = LAYER_LINEARS


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A model and its optimizer, spread over GPUs by FSDP2; all figures are bytes of one GPU."""

    shape: ModelShape
    count: int
    """Parameters."""
    trained: int
    """Parameters with a gradient and moments."""
    shards: int
    """GPUs over which they are spread."""

    @property
    def weights(self) -> float:
        """fp32 master weights."""
        return self.count * FROZEN_BYTES / self.shards

    @property
    def gradients(self) -> float:
        """Gradients; they exist while the model is updated."""
        return self.trained * GRADIENT_BYTES / self.shards

    @property
    def moments(self) -> float:
        """The optimizer's moments."""
        return self.trained * MOMENT_BYTES / self.shards

    @property
    def step(self) -> float:
        """What the optimizer allocates while it steps."""
        return self.trained * STEP_BYTES / self.shards


def policy_state(shape: ModelShape, shards: int, lora: Adapters | None = None) -> State:
    """The model that is trained; with adapters, its own weights are frozen."""
    count = parameters(shape).total
    if lora is None:
        return State(shape=shape, count=count, trained=count, shards=shards)
    trained = adapter_parameters(shape, lora.rank, lora.modules)
    return State(shape=shape, count=count + trained, trained=trained, shards=shards)


def critic_state(shape: ModelShape, shards: int) -> State:
    """The value model: one output (with a bias) in place of the head."""
    count = parameters(shape).total - parameters(shape).head + shape.hidden + 1
    return State(shape=shape, count=count, trained=count, shards=shards)


def adapter_parameters(shape: ModelShape, rank: int, modules: Sequence[str]) -> int:
    """Parameters of low-rank adapters: rank x (inputs + outputs) for each linear layer."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sizes = {
        "q_proj": shape.hidden + queries,
        "k_proj": shape.hidden + keys,
        "v_proj": shape.hidden + keys,
        "o_proj": queries + shape.hidden,
        "gate_proj": shape.hidden + shape.intermediate,
        "up_proj": shape.hidden + shape.intermediate,
        "down_proj": shape.intermediate + shape.hidden,
    }
    return rank * shape.layers * sum(sizes.get(module, 0) for module in modules)


def gathered_layers(shape: ModelShape, element: int, *, trained: bool, backward: bool) -> float:
    """Bytes of what is gathered while a layer is computed: the layer and the one prefetched.

    In the backward pass of a trained model also the layer's whole gradient, in the compute
    precision and, for the reduction, in fp32. A tied embedding belongs to the root, which stays
    gathered, and so does its gradient (verl==0.9.1:verl/utils/fsdp_utils.py, apply_fsdp2).
    """
    layer = parameters(shape).layer
    root = parameters(shape).embedding if shape.tied else 0
    total = element * (2 * layer + root)
    if backward and trained:
        total += (element + GRADIENT_BYTES) * layer + element * root
    return total


def gathered_head(shape: ModelShape, element: int, *, gradient: bool) -> float:
    """Bytes of the gathered output head, and of its whole gradient with the fp32 copy of it."""
    head = shape.vocab * shape.hidden
    return head * (element + (element + GRADIENT_BYTES if gradient else 0))


def largest_tensor(shape: ModelShape) -> int:
    """Bytes of the largest tensor in fp32: the embedding, gathered when weights are handed out."""
    return shape.vocab * shape.hidden * FROZEN_BYTES
