"""What a training computes and on what, as numbers: the input of the estimate of its hours, made
from a run's spec or from a published report."""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from harness.cards import load_card
from harness.fit import fit, has_reference
from harness.plan.batches import batches, planned_steps, total_steps
from harness.plan.hours.lengths import expected_lengths
from harness.plan.interval import Interval
from harness.plan.shape import ModelShape, shape_of
from harness.rules import processes
from harness.selection import trained_responses
from harness.spec import HubSource, RLAlgorithm, RunSpec

Engine = Literal["vllm", "vllm_eager", "hf"]
"""vLLM with CUDA graphs, vLLM without them, or generation by the trainer's own model."""
USABLE_GROUPS = 0.5
"""Share of groups with responses that differ, over a run: those that dynamic sampling keeps, and
those that drop_groups leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One training: what a step generates, computes and updates, and how many there are."""

    kind: Literal["rl", "sft"]
    shape: ModelShape
    steps: int
    prompts: int
    """Prompts trained on a step; sequences for sft."""
    group: int
    """Responses to a prompt."""
    trained_share: float
    """Of a step's responses, those that reach the update."""
    generated_prompts: int
    """Prompts that responses are generated for in a step; dynamic sampling draws more."""
    generation_batches: int
    """Batches in which a step generates them, one after the other."""
    prompt_tokens: float
    """Mean."""
    response_tokens: Interval
    """Mean over the run."""
    max_response_tokens: int
    epochs: int
    """Passes over a step's batch."""
    critic: bool
    critic_epochs: int
    reference: bool
    recomputes_log_probs: bool
    gradient_checkpointing: bool
    micro_batch_tokens: int
    """Tokens of one forward and backward on one GPU."""
    lora: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The GPUs, and how a training sits on them."""

    gpus: int
    gpus_per_node: int
    train_gpus: int
    generate_gpus: int
    """Both equal `gpus` where the same GPUs train and generate in turn."""
    bf16_tflops: float
    memory_gb_per_s: float
    gpu_mem_gb: float
    tensor_parallel: int
    """GPUs of one engine."""
    memory_fraction: float
    """Share of GPU memory that the engine may take."""
    max_sequences: int
    """Sequences that one engine decodes at a time."""
    engine: Engine
    offload: bool


def machine(spec: RunSpec) -> Machine | None:
    """The machine of a run; nothing where its GPU's facts are not known (a CPU, for example)."""
    hardware = spec.hardware
    memory, tflops, bandwidth = (
        hardware.gpu_mem_gb,
        hardware.bf16_tflops,
        hardware.memory_gb_per_s,
    )
    if hardware.device == "cpu" or memory is None or tflops is None or bandwidth is None:
        return None
    sits, gpus = fit(spec), processes(spec)
    return Machine(
        gpus=gpus,
        gpus_per_node=hardware.gpus_per_node,
        train_gpus=gpus,
        generate_gpus=gpus,
        bf16_tflops=tflops,
        memory_gb_per_s=bandwidth,
        gpu_mem_gb=memory,
        tensor_parallel=sits.tensor_parallel,
        memory_fraction=hardware.rollout.memory_fraction,
        max_sequences=hardware.rollout.max_sequences,
        engine="vllm" if hardware.rollout.engine == "vllm" else "hf",
        offload=sits.offload,
    )


def workload(spec: RunSpec, stage: str = "") -> Workload | None:
    """The workload of one training of a run; nothing where its number of steps is not known.

    Args:
        spec: the run as this training sees it.
        stage: the training's name, empty for a run that trains once.
    """
    steps = known_steps(spec)
    if steps is None:
        return None
    algorithm, step = spec.algorithm, batches(spec)
    lengths = expected_lengths(spec, stage)
    rl = algorithm if isinstance(algorithm, RLAlgorithm) else None
    drawn = _drawn(rl) if rl else 0
    critic = rl.critic if rl else None
    return Workload(
        kind=algorithm.kind,
        shape=shape_of(spec.model.path, spec.model.parameters_b),
        steps=steps,
        prompts=step.prompts,
        group=rl.group_size if rl else 1,
        trained_share=_trained_share(rl) if rl else 1.0,
        generated_prompts=drawn * _batch(rl) if rl else 0,
        generation_batches=drawn,
        prompt_tokens=lengths.prompt_tokens,
        response_tokens=lengths.response_tokens,
        max_response_tokens=spec.data.max_response_tokens,
        epochs=rl.epochs if rl else 1,
        critic=critic is not None,
        critic_epochs=critic.epochs if critic else 0,
        reference=bool(rl and has_reference(rl)),
        recomputes_log_probs=bool(rl and rl.old_log_probs == "trainer"),
        gradient_checkpointing=spec.hardware.gradient_checkpointing,
        micro_batch_tokens=fit(spec).tokens_per_gpu,
        lora=bool(rl and rl.lora),
    )


def known_steps(spec: RunSpec) -> int | None:
    """Training steps: as planned, or from the rows that the card gives for the data set."""
    rows = spec.data.source_rows or _published_rows(spec)
    if spec.data.train_rows is not None or rows is None:
        return planned_steps(spec)
    return total_steps(spec, (rows - spec.data.test_rows) * spec.data.repeat)


def _published_rows(spec: RunSpec) -> int | None:
    if spec.repro is None or not isinstance(spec.data.source, HubSource):
        return None
    source, card = spec.data.source.dataset, load_card(spec.repro)
    found = [data.rows for data in card.data if data.use == "train" and data.id == source]
    return found[0] if found else None


def _drawn(algorithm: RLAlgorithm) -> int:
    """Generation batches of a step: dynamic sampling draws until enough groups are left."""
    if algorithm.filter_groups is None:
        return 1
    return ceil(algorithm.prompts_per_step / USABLE_GROUPS / _batch(algorithm))


def _trained_share(algorithm: RLAlgorithm) -> float:
    share = trained_responses(algorithm) / (algorithm.prompts_per_step * algorithm.group_size)
    return share * USABLE_GROUPS if algorithm.drop_groups else share


def _batch(algorithm: RLAlgorithm) -> int:
    """Prompts of one generation batch."""
    groups = algorithm.filter_groups
    return groups.prompts_per_batch if groups else algorithm.prompts_per_step
