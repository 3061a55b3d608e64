"""The engine's share of a GPU and its KV cache, by hand and against a vLLM log."""

import pytest

from harness.plan.memory.engine import GIB, engine, kv_cache
from harness.plan.shape import known_shapes, kv_bytes, shape_of
from tests.composing import spec_of


def test_bytes_of_a_token_by_hand() -> None:
    shape = known_shapes()["Qwen/Qwen2.5-7B"]
    assert kv_bytes(shape, 2) == 2 * 28 * 4 * 128 * 2 == 57_344
    assert kv_bytes(shape, 2, tensor_parallel=2) == 57_344 // 2
    assert kv_bytes(shape, 2, tensor_parallel=8) == 57_344 // 4  # four heads, each on two GPUs


def test_the_cache_is_what_is_left_of_the_engine_s_share() -> None:
    spec = spec_of("+repro=tinyzero", "hardware=4xA800")
    found = engine(spec, shape_of(spec.model.path, spec.model.parameters_b))
    share = spec.hardware.rollout.memory_fraction * 80
    assert found.weights_gb + found.working_gb + found.cache.gb == pytest.approx(share)
    assert found.cache.sequences == found.cache.tokens / 1280
    assert kv_cache(spec) == found.cache


def test_llama_3_8b_leaves_what_vllm_logged() -> None:
    # vllm-project/vllm#10511: 0.9 of 79.22 GiB, one GPU, 256 sequences: 53.29 GiB of cache.
    spec = spec_of(
        "+repro=tinyzero",
        "hardware=8xH100",
        "model.path=meta-llama/Meta-Llama-3-8B",
        "model.parameters_b=8.03",
        "hardware.rollout.memory_fraction=0.9",
        "hardware.rollout.max_sequences=256",
        f"hardware.gpu_mem_gb={79.22 * GIB / 1e9}",
    )
    assert kv_cache(spec).gb * 1e9 / GIB == pytest.approx(53.29, rel=0.01)


def test_splitting_the_engine_leaves_more_for_the_cache() -> None:
    one = kv_cache(spec_of("+repro=simplerl_zoo", "hardware=16xH100"))
    two = kv_cache(
        spec_of("+repro=simplerl_zoo", "hardware=16xH100", "hardware.rollout.tensor_parallel=2")
    )
    assert two.sequences > 2 * one.sequences


def test_on_a_laptop_the_cache_grows_with_the_responses() -> None:
    spec = spec_of("+repro=tinyzero", "hardware=cpu")
    assert kv_cache(spec).sequences == spec.algorithm.prompts_per_step  # type: ignore[union-attr]
