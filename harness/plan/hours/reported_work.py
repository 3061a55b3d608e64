"""A reported training as the estimate takes it: its workload and its machine."""

from harness.fit import USUAL_TOKENS
from harness.plan.gpus import gpu_kinds
from harness.plan.hours.reported import Row, Training
from harness.plan.hours.workload import Engine, Machine, Workload
from harness.plan.interval import Interval
from harness.plan.shape import shape_of

UNKNOWN_MODEL_B = 7.0
"""Size of a model whose shape is not known here."""
SHARED_ENGINE = 0.6
"""Share of GPU memory of an engine that takes turns with the trainer."""
OWN_ENGINE = 0.9
"""The same where the engine has its GPUs for itself."""
ENGINE_SEQUENCES = 1024
"""Sequences that an engine decodes at a time, the default of most of what reports."""


def workload_of(training: Training) -> Workload:
    """What a reported training computes."""
    said = training.response_tokens
    return Workload(
        kind=training.kind,
        shape=shape_of(training.model, UNKNOWN_MODEL_B),
        steps=training.steps,
        prompts=training.prompts,
        group=training.group,
        trained_share=1.0,
        generated_prompts=training.generated_prompts,
        generation_batches=training.generation_batches,
        prompt_tokens=training.prompt_tokens,
        response_tokens=Interval(low=said.low, mid=said.mid, high=said.high),
        max_response_tokens=training.max_response_tokens,
        epochs=training.epochs,
        critic=training.critic,
        critic_epochs=training.epochs if training.critic else 0,
        reference=training.reference,
        recomputes_log_probs=training.recomputes_log_probs,
        gradient_checkpointing=training.gradient_checkpointing,
        micro_batch_tokens=training.micro_batch_tokens or USUAL_TOKENS,
        lora=training.lora,
    )


def machine_of(row: Row, training: Training) -> Machine:
    """What it ran on."""
    gpu, gpus = gpu_kinds()[row.gpu], training.gpus or row.gpus
    engine: Engine = "hf" if row.engine == "hf" else "vllm_eager" if training.eager else "vllm"
    return Machine(
        gpus=gpus,
        gpus_per_node=row.gpus_per_node,
        train_gpus=row.split.train if row.split else gpus,
        generate_gpus=row.split.generate if row.split else gpus,
        bf16_tflops=gpu.bf16_tflops,
        memory_gb_per_s=gpu.memory_gb_per_s,
        gpu_mem_gb=gpu.gpu_mem_gb,
        tensor_parallel=training.tensor_parallel,
        memory_fraction=OWN_ENGINE if row.split else SHARED_ENGINE,
        max_sequences=ENGINE_SEQUENCES,
        engine=engine,
        offload=False,
    )
