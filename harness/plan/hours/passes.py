"""Seconds of the trainer's forward and backward passes, and of what surrounds them. Pure functions
of the workload, the machine and the measured shares of its peak."""

from math import exp

from harness.fit import ENGINE_BYTES
from harness.plan.hours.decode import decoder_parameters
from harness.plan.hours.throughput import Throughput
from harness.plan.hours.workload import Machine, Workload
from harness.plan.shape import ModelShape, parameters

BACKWARD = 2
"""Work of a backward pass in forward passes."""
LORA_BACKWARD = 1
"""The same where the weights themselves get no gradients."""
KEPT_BYTES = 12
"""fp32 weights and AdamW moments of a parameter: what is saved, and what leaves the GPU when models
are off-loaded; gradients are freed after an update."""


def log_prob_seconds(work: Workload, tokens: float, machine: Machine, facts: Throughput) -> float:
    """Forward passes of a step: old log-probabilities, reference, values."""
    passes = work.recomputes_log_probs + work.reference + work.critic
    return passes * forward_seconds(work, tokens, machine, facts)


def update_seconds(work: Workload, tokens: float, machine: Machine, facts: Throughput) -> float:
    """The updates of a step, of the policy and of the critic."""
    once = work.trained_share * forward_seconds(work, tokens, machine, facts)
    recomputed = 1 if work.gradient_checkpointing else 0
    policy = work.epochs * (1 + (LORA_BACKWARD if work.lora else BACKWARD) + recomputed)
    critic = work.critic_epochs * (1 + BACKWARD + recomputed)
    return (policy + critic) * once


def forward_seconds(work: Workload, tokens: float, machine: Machine, facts: Throughput) -> float:
    """One forward pass over a step's sequences, whose responses have `tokens` on average.

    Every micro-batch pays for its arithmetic, and a fixed time in each layer.
    """
    sequences = work.prompts * work.group / machine.train_gpus
    flops = sequences * forward_flops(work.shape, work.prompt_tokens, tokens, facts)
    micro_batches = max(1.0, sequences * (work.prompt_tokens + tokens) / work.micro_batch_tokens)
    arithmetic = flops / (machine.bf16_tflops * 1e12 * facts.mfu)
    return arithmetic + micro_batches * work.shape.layers * facts.layer_s


def forward_flops(shape: ModelShape, prompt: float, response: float, facts: Throughput) -> float:
    """FLOPs of one forward pass over one sequence: weights, and causal attention."""
    squared = prompt**2 + 2 * prompt * response
    squared += response**2 * exp(facts.length_spread**2)
    attention = 2 * shape.layers * shape.heads * shape.head_dim * squared
    return 2 * decoder_parameters(shape) * (prompt + response) + attention


def other_seconds(work: Workload, machine: Machine, facts: Throughput) -> float:
    """A step besides: weights to the engine, rewards, moving models to the host and back."""
    size = parameters(work.shape).total
    seconds = 0.0
    if work.kind == "rl":
        seconds = facts.step_s + ENGINE_BYTES * size / (facts.sync_gb_per_s * 1e9)
    if machine.offload:
        trained = 1 + work.critic
        moved = 2 * trained * KEPT_BYTES * size / machine.train_gpus
        seconds += moved / (facts.offload_gb_per_s * 1e9)
    return seconds


def save_seconds(work: Workload, machine: Machine, facts: Throughput) -> float:
    """Writing one checkpoint."""
    saved = (1 + work.critic) * KEPT_BYTES * parameters(work.shape).total
    nodes = max(1, machine.train_gpus // machine.gpus_per_node)
    return saved / (nodes * facts.disk_gb_per_s * 1e9)
