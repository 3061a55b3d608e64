"""Seconds of generation: the limits of the formula, and what must slow it down."""

from dataclasses import replace

import pytest

from harness.plan.hours.decode import (
    Responses,
    concurrency,
    decoder_parameters,
    generation_seconds,
    longest_response,
)
from harness.plan.hours.throughput import throughput
from harness.plan.shape import known_shapes, kv_bytes, parameters
from tests.plan.hours.making import SHAPE, a_machine

FACTS = throughput()
BATCH = Responses(count=1024, prompt_tokens=100, tokens=500, limit=4000)


def seconds(batch: Responses = BATCH, **machine: object) -> float:
    return generation_seconds(SHAPE, batch, a_machine(**machine), FACTS)


def test_one_response_reads_the_weights_once_a_token() -> None:
    alone = Responses(count=1, prompt_tokens=0, tokens=1000, limit=1000)
    reading = 2 * decoder_parameters(SHAPE) / (1000e9 * FACTS.decode_bandwidth)
    started = FACTS.decode_layer_s * SHAPE.layers
    assert seconds(alone) == pytest.approx(1000 * (reading + started), rel=0.05)
    assert seconds(alone) > 1000 * (reading + started)


def test_a_tied_head_is_read_and_an_input_embedding_is_not() -> None:
    tied = known_shapes()["Qwen/Qwen2.5-0.5B"]
    assert decoder_parameters(tied) == parameters(tied).total
    assert decoder_parameters(SHAPE) == parameters(SHAPE).total - parameters(SHAPE).embedding


def test_kv_cache_of_a_token() -> None:
    assert kv_bytes(SHAPE, 2) == 2 * 28 * 4 * 128 * 2


def test_concurrency_is_the_limit_or_what_the_cache_holds() -> None:
    assert concurrency(SHAPE, 1000, a_machine(max_sequences=16)) == 16
    held = (0.5 * 80e9 - 2 * 7_615_616_512) / (kv_bytes(SHAPE, 2) * 1000)
    assert concurrency(SHAPE, 1000, a_machine(max_sequences=10_000)) == pytest.approx(held)
    assert concurrency(SHAPE, 1000, a_machine(gpu_mem_gb=24)) == 1


def test_the_longest_response_grows_with_the_batch_up_to_the_limit() -> None:
    few, many = replace(BATCH, count=2), replace(BATCH, count=100_000)
    found = [longest_response(batch, 0.5) for batch in (few, BATCH, many)]
    assert found == sorted(found)
    assert longest_response(replace(BATCH, count=1), 0.5) == 500
    assert longest_response(replace(many, limit=900), 0.5) == 900


def test_the_tail_does_not_shrink_with_more_gpus() -> None:
    eight, all_of_them = seconds(), seconds(gpus=1024, generate_gpus=1024)
    tail = longest_response(BATCH, FACTS.length_spread) * FACTS.decode_layer_s * SHAPE.layers
    assert eight > all_of_them > tail


@pytest.mark.parametrize(
    "worse",
    [
        {"memory_gb_per_s": 500},
        {"bf16_tflops": 50},
        {"max_sequences": 16},
        {"gpu_mem_gb": 34},
        {"generate_gpus": 4},
        {"engine": "vllm_eager"},
        {"engine": "hf"},
    ],
)
def test_a_worse_machine_takes_longer(worse: dict[str, object]) -> None:
    assert seconds(**worse) > seconds()


def test_padding_to_the_longest_is_worse_than_continuous_batching() -> None:
    waiting = replace(BATCH, count=8192)
    assert seconds(waiting, engine="hf") > seconds(waiting, engine="vllm_eager")


def test_nothing_takes_no_time() -> None:
    assert seconds(replace(BATCH, count=0)) == 0
