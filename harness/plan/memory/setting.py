"""What decides the memory of one training: its models, its micro-batch and how entropy is computed,
taken from the RunSpec and from the keys that verl will get; passes.py and phases.py read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.fit import fit, has_reference, longest_sequence
from harness.plan.batches import batches
from harness.plan.memory.activations import BF16, FP32, Entropy
from harness.plan.memory.states import (
    LAYER_LINEARS,
    Adapters,
    State,
    critic_state,
    policy_state,
)
from harness.plan.shape import ModelShape, shape_of
from harness.selection import mini_batch_responses
from harness.spec import LoRA, RLAlgorithm, RunSpec
from harness.verl.emit import emit

ACTOR = "actor_rollout_ref.actor"
CALCULATE_ENTROPY = f"{ACTOR}.calculate_entropy"
CHUNKED_ENTROPY = f"{ACTOR}.fsdp_config.entropy_from_logits_with_chunking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One training as far as memory goes."""

    shape: ModelShape
    element: int
    """Bytes of an activation and of a gathered weight."""
    policy: State
    critic: State | None
    reference: State | None
    """A reference model of its own; adapters are switched off instead."""
    offload: bool
    checkpointing: bool
    micro_tokens: int
    """Tokens of one micro-batch of an update."""
    forward_tokens: int
    """Tokens of one micro-batch of the passes without gradients, cut from the whole step."""
    micro_batches: int
    """Micro-batches of one optimizer update, when every sequence is at its limit."""
    update_entropy: Entropy
    log_prob_entropy: Entropy
    log_probs: bool
    """The policy's log-probabilities are computed again before the update."""
    scaled: bool
    """Log-probabilities are those of another temperature than 1."""


def setting_of(spec: RunSpec) -> Setting:
    """The memory's view of one leg's spec."""
    shape = shape_of(spec.model.path, spec.model.parameters_b)
    hardware, found = spec.hardware, fit(spec)
    shards = hardware.nodes * hardware.gpus_per_node
    longest = longest_sequence(spec)
    update = max(1, -(-_update_sequences(spec) // shards)) * longest
    micro = max(longest, min(found.tokens_per_gpu, update))
    common: dict[str, Any] = {
        "shape": shape,
        "element": FP32 if hardware.precision == "fp32" else BF16,
        "offload": found.offload,
        "checkpointing": hardware.gradient_checkpointing,
        "micro_tokens": micro,
        "forward_tokens": max(micro, min(found.tokens_per_gpu, batches(spec).max_tokens_per_gpu)),
        "micro_batches": -(-update // micro),
    }
    algorithm = spec.algorithm
    if not isinstance(algorithm, RLAlgorithm):
        return Setting(
            **common,
            policy=policy_state(shape, shards),
            critic=None,
            reference=None,
            update_entropy="none",
            log_prob_entropy="none",
            log_probs=False,
            scaled=False,
        )
    return _rl(spec, algorithm, common, shards)


def _rl(spec: RunSpec, algorithm: RLAlgorithm, common: dict[str, Any], shards: int) -> Setting:
    shape, lora = common["shape"], algorithm.lora
    penalised = has_reference(algorithm)
    temperature = algorithm.log_prob_temperature or algorithm.sampling.temperature
    keys = emit(spec, Path("run"), steps=1)
    # verl cuts the logits of packed sequences only (transformer_impl.py, prepare_model_outputs).
    chunked = keys.get(CHUNKED_ENTROPY) and spec.hardware.remove_padding
    kind: Entropy = "chunked" if chunked else "full"
    in_update = keys[CALCULATE_ENTROPY] or algorithm.entropy_coef != 0
    return Setting(
        **common,
        policy=policy_state(shape, shards, _adapters(lora) if lora else None),
        critic=critic_state(shape, shards) if algorithm.critic else None,
        reference=policy_state(shape, shards) if penalised and not lora else None,
        update_entropy=kind if in_update else "none",
        log_prob_entropy=kind,
        log_probs=algorithm.old_log_probs == "trainer",
        scaled=temperature != 1.0,
    )


def _adapters(lora: LoRA) -> Adapters:
    modules = LAYER_LINEARS if lora.target_modules == "all-linear" else lora.target_modules
    return Adapters(rank=lora.rank, modules=modules)


def _update_sequences(spec: RunSpec) -> int:
    algorithm = spec.algorithm
    if isinstance(algorithm, RLAlgorithm):
        return mini_batch_responses(algorithm, algorithm.mini_batch_prompts)
    return algorithm.sequences_per_step
