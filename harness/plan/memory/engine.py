"""Memory of the generation engine: its share of the GPU, its weights, what it works with, and the
KV cache that is left; phases.py reads it."""

from dataclasses import dataclass

from harness.fit import ENGINE_BYTES, fit, longest_sequence
from harness.plan.memory.activations import FP32
from harness.plan.shape import ModelShape, kv_bytes, parameters, shape_of
from harness.spec import RLAlgorithm, RunSpec

GIB = 2**30
PROCESS_GB = 1.79 * GIB / 1e9
"""CUDA context, libraries and NCCL buffers of one process ("non_torch_memory" of Llama-3-8B on an
80 GB card, vllm-project/vllm#10511)."""
PARALLEL_PROCESS_GB = 3.58 * GIB / 1e9
"""The same where the engine is split over GPUs (same log, two GPUs)."""
GRAPHS_GB = 0.64 * GIB / 1e9
"""CUDA graphs for decoding, beside the engine's share (vLLM's "graph capturing" line,
xming521/WeClone#101); they stay while the engine sleeps (vllm-project/vllm#45623)."""
SAMPLER_COPIES = 10
"""fp32 copies of the logits of all sequences that the sampler holds: 1.26 GiB for 256 sequences of
Llama-3-8B, whether split or not (vllm-project/vllm#10511)."""
BATCHED_TOKENS = 8192
"""Tokens of one forward pass of the engine (verl's max_num_batched_tokens)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KVCache:
    """What the engine can keep of past tokens."""

    gb: float
    """Bytes on one GPU, in GB; 0 where nothing is left."""
    tokens: int
    """Tokens of one copy of the engine, over all its GPUs."""
    sequences: float
    """Sequences at the length limit that fit at a time into one copy of the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine's share of one GPU, in GB."""

    weights_gb: float
    working_gb: float
    """Context, buffers, activations and the sampler's logits."""
    cache: KVCache
    tensor_parallel: int


def kv_cache(spec: RunSpec) -> KVCache:
    """What is left for the KV cache, for one leg's spec; on a CPU, as much as is asked for."""
    return engine(spec, shape_of(spec.model.path, spec.model.parameters_b)).cache


def engine(spec: RunSpec, shape: ModelShape) -> Engine:
    """The engine on one GPU; nothing is cached where the GPU's memory is not known."""
    if spec.hardware.device == "cpu":
        return _on_cpu(spec, shape)
    split = fit(spec).tensor_parallel
    weights = parameters(shape).total * ENGINE_BYTES / split
    working = _working(spec, shape, split)
    share = spec.hardware.rollout.memory_fraction * (spec.hardware.gpu_mem_gb or 0.0) * 1e9
    room = max(0.0, share - weights - working)
    tokens = int(room / kv_bytes(shape, ENGINE_BYTES, split))
    return Engine(
        weights_gb=weights / 1e9,
        working_gb=working / 1e9,
        cache=KVCache(gb=room / 1e9, tokens=tokens, sequences=tokens / longest_sequence(spec)),
        tensor_parallel=split,
    )


def asleep_gb(spec: RunSpec) -> float:
    """What an engine without weights and cache still holds on a GPU."""
    if spec.hardware.device == "cpu" or not isinstance(spec.algorithm, RLAlgorithm):
        return 0.0
    return GRAPHS_GB + _process_gb(fit(spec).tensor_parallel)


def _process_gb(split: int) -> float:
    return PROCESS_GB if split == 1 else PARALLEL_PROCESS_GB


def _working(spec: RunSpec, shape: ModelShape, split: int) -> float:
    """Bytes of the process, and of the larger of a forward pass and of sampling."""
    mlp = 3 * shape.intermediate * ENGINE_BYTES / split + 4 * shape.hidden * ENGINE_BYTES
    sampler = SAMPLER_COPIES * FP32 * spec.hardware.rollout.max_sequences * shape.vocab
    return _process_gb(split) * 1e9 + max(BATCHED_TOKENS * mlp, sampler)


def _on_cpu(spec: RunSpec, shape: ModelShape) -> Engine:
    """Each process generates with a whole fp32 model; the cache grows with the sequences."""
    algorithm, longest = spec.algorithm, longest_sequence(spec)
    assert isinstance(algorithm, RLAlgorithm)
    responses = algorithm.prompts_per_step * algorithm.group_size
    processes = spec.hardware.nodes * spec.hardware.gpus_per_node
    sequences = min(spec.hardware.rollout.max_sequences, -(-responses // processes))
    cache = sequences * longest * kv_bytes(shape, FP32)
    return Engine(
        weights_gb=parameters(shape).total * FP32 / 1e9,
        working_gb=sequences * shape.vocab * FP32 / 1e9,
        cache=KVCache(gb=cache / 1e9, tokens=sequences * longest, sequences=sequences),
        tensor_parallel=1,
    )
