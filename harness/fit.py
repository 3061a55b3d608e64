"""What a run needs of its GPUs, and what follows: tensor parallelism, off-loading, tokens of a
micro-batch. rules.py refuses what cannot fit, emit.py and the plan take the derived values."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from harness.spec import Hardware, RLAlgorithm, RunSpec

STATE_BYTES = 16
"""fp32 weights, gradients and two AdamW moments of a trained parameter."""
FROZEN_BYTES = 4
"""fp32 weights of a parameter that is not trained (reference model, base below adapters)."""
ENGINE_BYTES = 2
"""bf16 weights of a parameter in the generation engine."""
USABLE = 0.9
"""Share of GPU memory that weights and optimizer state may take while a model is updated."""
OFFLOAD_ABOVE = 0.4
"""Share of GPU memory that may stay occupied while the engine generates."""
WEIGHTS_OF_ENGINE = 0.75
"""Share of the engine's memory that weights may take; the rest is for the KV cache."""
USUAL_TOKENS = 16384
"""Tokens of a micro-batch where the longest sequence does not ask for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a run sits on its hardware."""

    tensor_parallel: int
    """GPUs of one copy of the engine."""
    offload: bool
    """Parameters and optimizer state leave the GPU between uses."""
    tokens_per_gpu: int
    """Tokens of one micro-batch."""


def fit(spec: RunSpec) -> Fit:
    """The values of hardware that are given, and the derived ones for those that are null."""
    hardware, longest = spec.hardware, longest_sequence(spec)
    offload = hardware.offload
    if offload is None:
        memory = hardware.gpu_mem_gb
        offload = memory is not None and resident_gb(spec) > OFFLOAD_ABOVE * memory
    return Fit(
        tensor_parallel=hardware.rollout.tensor_parallel or _tensor_parallel(spec) or 1,
        offload=offload,
        tokens_per_gpu=hardware.tokens_per_gpu or max(longest, USUAL_TOKENS),
    )


def fitted(spec: RunSpec) -> Hardware:
    """The hardware with the derived values filled in."""
    found, hardware = fit(spec), spec.hardware
    rollout = hardware.rollout.model_copy(update={"tensor_parallel": found.tensor_parallel})
    return hardware.model_copy(
        update={
            "rollout": rollout,
            "offload": found.offload,
            "tokens_per_gpu": found.tokens_per_gpu,
        }
    )


def longest_sequence(spec: RunSpec) -> int:
    """Prompt and response at their limits, in tokens."""
    return spec.data.max_prompt_tokens + spec.data.max_response_tokens


def state_gb(spec: RunSpec) -> float:
    """Weights, gradients and optimizer state of the model that is updated, on one GPU."""
    lora = isinstance(spec.algorithm, RLAlgorithm) and spec.algorithm.lora is not None
    return spec.model.parameters_b * (FROZEN_BYTES if lora else STATE_BYTES) / _gpus(spec)


def resident_gb(spec: RunSpec) -> float:
    """What all models of the run keep on one GPU without off-loading."""
    algorithm, total = spec.algorithm, state_gb(spec)
    if isinstance(algorithm, RLAlgorithm):
        if algorithm.critic is not None:
            total += spec.model.parameters_b * STATE_BYTES / _gpus(spec)
        if has_reference(algorithm):
            total += spec.model.parameters_b * FROZEN_BYTES / _gpus(spec)
    return total


def has_reference(algorithm: RLAlgorithm) -> bool:
    """Are log-probabilities of the reference model needed?"""
    used = (algorithm.kl_loss, algorithm.kl_in_reward, algorithm.preference_loss)
    return any(part is not None for part in used)


def misfits(spec: RunSpec) -> Iterator[str]:
    """Why the run cannot fit, with the arithmetic; nothing where the GPU's memory is unknown."""
    hardware, memory = spec.hardware, spec.hardware.gpu_mem_gb
    if hardware.device != "cuda" or memory is None:
        return
    size, needed = spec.model.parameters_b, state_gb(spec)
    if needed > USABLE * memory:
        per_parameter = round(needed * _gpus(spec) / size)
        yield (
            f"updating {spec.model.name} needs {size:g} B parameters x {per_parameter} bytes / "
            f"{_gpus(spec)} GPUs = {needed:.0f} GB a GPU, and {hardware.name} has {memory:g} GB, "
            f"{USABLE:.0%} of it usable: choose hardware with at least "
            f"{ceil(size * per_parameter / USABLE / memory)} such GPUs, or a smaller model"
        )
    if hardware.rollout.tensor_parallel is None and _tensor_parallel(spec) is None:
        share = hardware.rollout.memory_fraction * WEIGHTS_OF_ENGINE * memory
        yield (
            f"generating with {spec.model.name} needs {size * ENGINE_BYTES:.0f} GB for weights, "
            f"and {hardware.gpus_per_node} GPUs of {hardware.name} offer at most "
            f"{share * hardware.gpus_per_node:.0f} GB: raise hardware.rollout.memory_fraction, or "
            "choose GPUs with more memory"
        )


def _tensor_parallel(spec: RunSpec) -> int | None:
    """The smallest share of a node on which the engine's weights leave room for its cache."""
    hardware, memory = spec.hardware, spec.hardware.gpu_mem_gb
    if hardware.device == "cpu" or memory is None:
        return 1
    room = hardware.rollout.memory_fraction * WEIGHTS_OF_ENGINE * memory
    sizes = [n for n in range(1, hardware.gpus_per_node + 1) if hardware.gpus_per_node % n == 0]
    return next((n for n in sizes if spec.model.parameters_b * ENGINE_BYTES / n <= room), None)


def _gpus(spec: RunSpec) -> int:
    return spec.hardware.nodes * spec.hardware.gpus_per_node
