"""The machine and where metrics go."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from harness.spec.base import Fraction, Part


class Rollout(Part):
    """The generation engine and its share of the accelerator."""

    engine: Literal["vllm", "hf_cpu"]
    """vllm on GPUs; hf_cpu is Hugging Face generation inside verl, on a CPU."""
    tensor_parallel: PositiveInt | None = None
    """GPUs over which one copy of the model is split; null derives it from the model's size."""
    memory_fraction: Fraction = 0.5
    """Share of GPU memory for weights and KV cache of the engine."""
    max_sequences: PositiveInt = 256
    """Sequences decoded at the same time."""


class Hardware(Part):
    """The machine: what there is, and what training does to fit into it."""

    name: str
    """Short name used in run names and tables."""
    device: Literal["cpu", "cuda"]
    """Kind of device that trains."""
    nodes: PositiveInt
    """Machines."""
    gpus_per_node: PositiveInt
    """GPUs (on cpu: training processes) per machine."""
    gpu: str | None = None
    """GPU model, for example A800."""
    gpu_mem_gb: PositiveFloat | None = None
    """Memory of one GPU."""
    bf16_tflops: PositiveFloat | None = None
    """Dense bf16 peak of one GPU in TFLOP/s (for the plan)."""
    memory_gb_per_s: PositiveFloat | None = None
    """Memory bandwidth of one GPU (for the plan)."""
    usd_per_gpu_hour: PositiveFloat | None = None
    """Price of one GPU for an hour (for the plan)."""
    price_source: str | None = None
    """Where that price stands, and its date."""
    precision: Literal["bf16", "fp32"]
    """Compute precision; master weights are fp32."""
    attention: Literal["varlen", "flash_attention_2", "sdpa"]
    """Attention of the trained models: varlen is torch's own flash kernels over packed sequences,
    flash_attention_2 needs the flash-attn package, sdpa computes padding as well."""
    remove_padding: bool
    """Pack sequences without padding (not with sdpa)."""
    gradient_checkpointing: bool
    """Recompute activations in the backward pass."""
    cpus_per_gpu: PositiveInt = 8
    """CPUs that a scheduler is asked for beside each GPU (on cpu: each training process)."""
    host_mem_gb_per_gpu: PositiveFloat = 96
    """Host memory that a scheduler is asked for beside each GPU."""
    offload: bool | None = None
    """Keep parameters and optimizer state in host memory between uses; null derives it."""
    tokens_per_gpu: PositiveInt | None = None
    """Tokens in one forward/backward of one GPU; micro-batches are cut to it. null derives it."""
    rollout: Rollout
    """The generation engine."""


class Tracking(Part):
    """Where metrics go besides events.jsonl."""

    name: str
    """Short name of the choice."""
    backends: list[Literal["wandb", "tensorboard"]] = []
    """Experiment trackers."""
    wandb_mode: Literal["online", "offline"] = "offline"
    """offline writes to the run directory and never asks for a key."""
    project: str = "reprise"
    """W&B project."""
