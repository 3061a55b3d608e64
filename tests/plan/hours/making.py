"""Workloads and machines of the tests of the plan, small enough to compute by hand."""

from dataclasses import replace
from typing import Any

from harness.plan.hours.workload import Machine, Workload
from harness.plan.interval import certain
from harness.plan.shape import known_shapes

SHAPE = known_shapes()["Qwen/Qwen2.5-7B"]


def a_machine(**changes: Any) -> Machine:
    """Eight GPUs with round numbers."""
    base = Machine(
        gpus=8,
        gpus_per_node=8,
        train_gpus=8,
        generate_gpus=8,
        bf16_tflops=100,
        memory_gb_per_s=1000,
        gpu_mem_gb=80,
        tensor_parallel=1,
        memory_fraction=0.5,
        max_sequences=256,
        engine="vllm",
        offload=False,
    )
    return replace(base, **changes)


def a_workload(**changes: Any) -> Workload:
    """GRPO of a 7B model with responses of exactly 500 tokens on average."""
    base = Workload(
        kind="rl",
        shape=SHAPE,
        steps=10,
        prompts=64,
        group=8,
        trained_share=1.0,
        generated_prompts=64,
        generation_batches=1,
        prompt_tokens=100,
        response_tokens=certain(500),
        max_response_tokens=2000,
        epochs=1,
        critic=False,
        critic_epochs=0,
        reference=False,
        recomputes_log_probs=True,
        gradient_checkpointing=False,
        micro_batch_tokens=16384,
        lora=False,
    )
    return replace(base, **changes)
