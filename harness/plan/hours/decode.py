"""Seconds of generating a batch of responses with continuous batching. Pure functions of the
model's shape, the machine and the measured shares of its peak."""

from dataclasses import dataclass
from math import exp

from evals.normal import NORMAL
from harness.fit import ENGINE_BYTES
from harness.plan.hours.throughput import Throughput
from harness.plan.hours.workload import Machine
from harness.plan.shape import ModelShape, kv_bytes, parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """A batch to generate."""

    count: int
    prompt_tokens: float
    """Mean."""
    tokens: float
    """Mean response."""
    limit: int
    """Longest response allowed."""


def generation_seconds(
    shape: ModelShape, batch: Responses, machine: Machine, facts: Throughput
) -> float:
    """Seconds until the last response of a batch ends, prefill included.

    An iteration reads all weights and the cache of every running sequence, computes one token for
    each, and costs a fixed time beside. While responses wait, all slots are busy; then the batch
    drains for as long as the longest response takes.
    """
    if batch.count == 0:
        return 0.0
    width = machine.tensor_parallel
    engines = max(1, machine.generate_gpus // width)
    count = batch.count / engines
    bandwidth = machine.memory_gb_per_s * 1e9 * facts.decode_bandwidth * width
    compute = machine.bf16_tflops * 1e12 * facts.decode_compute * width
    spread = facts.length_spread
    context = batch.prompt_tokens + batch.tokens * exp(spread**2) / 2
    slots = min(count, concurrency(shape, context, machine))
    longest = longest_response(batch, spread)
    waves = longest * count / slots
    iterations = (
        waves if machine.engine == "hf" else longest + (count - slots) * batch.tokens / slots
    )
    layer = facts.decode_layer_s if machine.engine == "vllm" else facts.eager_layer_s
    per_iteration = layer * shape.layers + ENGINE_BYTES * decoder_parameters(shape) / bandwidth
    attention = 4 * shape.layers * shape.heads * shape.head_dim * context
    per_token = (2 * decoder_parameters(shape) + attention) / compute
    per_token += kv_bytes(shape, ENGINE_BYTES) * context / bandwidth
    prefill = 2 * decoder_parameters(shape) * batch.prompt_tokens / compute
    return iterations * per_iteration + count * (batch.tokens * per_token + prefill)


def concurrency(shape: ModelShape, context: float, machine: Machine) -> float:
    """Sequences that one engine decodes at a time: its limit, or what its cache holds."""
    held = room_gb(shape, machine) * 1e9 / (kv_bytes(shape, ENGINE_BYTES) * context)
    return max(1.0, min(machine.max_sequences, held))


def room_gb(shape: ModelShape, machine: Machine) -> float:
    """What the weights leave of one engine's memory; below 0 where they do not fit."""
    memory = machine.memory_fraction * machine.gpu_mem_gb * machine.tensor_parallel
    return memory - ENGINE_BYTES * parameters(shape).total / 1e9


def longest_response(batch: Responses, spread: float) -> float:
    """Expected longest of a batch of log-normal lengths (Blom, 1958), cut at the limit."""
    extreme = NORMAL.inv_cdf((batch.count - 0.375) / (batch.count + 0.25))
    longest = batch.tokens * exp(spread * extreme - spread**2 / 2)
    return min(batch.limit, max(batch.tokens, longest))


def decoder_parameters(shape: ModelShape) -> int:
    """Parameters that a token is multiplied with: all but the input embedding."""
    count = parameters(shape)
    return count.total - (0 if shape.tied else count.embedding)
