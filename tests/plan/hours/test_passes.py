"""Seconds of the trainer's passes against arithmetic done by hand."""

from dataclasses import replace

import pytest

from harness.plan.hours.decode import decoder_parameters
from harness.plan.hours.passes import (
    forward_flops,
    forward_seconds,
    log_prob_seconds,
    other_seconds,
    save_seconds,
    update_seconds,
)
from harness.plan.hours.throughput import throughput
from tests.plan.hours.making import SHAPE, a_machine, a_workload

FACTS = throughput()
BARE = replace(FACTS, layer_s=1e-12)
MACHINE = a_machine()


def test_two_flops_a_parameter_and_token() -> None:
    one = forward_flops(SHAPE, 1, 0, FACTS)
    assert one == pytest.approx(2 * decoder_parameters(SHAPE), rel=1e-4)
    same = replace(FACTS, length_spread=0.0)
    attention = 2 * SHAPE.layers * SHAPE.heads * SHAPE.head_dim * 4000**2
    assert forward_flops(SHAPE, 1000, 3000, same) == pytest.approx(4000 * one + attention, rel=1e-3)


def test_a_pass_is_flops_over_the_share_of_the_peak() -> None:
    work = a_workload()
    flops = 512 * forward_flops(SHAPE, 100, 500, FACTS)
    expected = flops / (8 * 100e12 * FACTS.mfu)
    assert forward_seconds(work, 500, MACHINE, BARE) == pytest.approx(expected, rel=1e-6)


def test_every_micro_batch_costs_a_fixed_time_in_each_layer() -> None:
    few, many = a_workload(), a_workload(micro_batch_tokens=600)
    more = forward_seconds(many, 500, MACHINE, FACTS) - forward_seconds(few, 500, MACHINE, FACTS)
    counts = 64 - 64 * 600 / 16384
    assert more == pytest.approx(counts * SHAPE.layers * FACTS.layer_s)


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, 3),
        ({"gradient_checkpointing": True}, 4),
        ({"lora": True}, 2),
        ({"trained_share": 0.25}, 0.75),
        ({"epochs": 2}, 6),
        ({"critic": True, "critic_epochs": 1}, 6),
        ({"critic": True, "critic_epochs": 3, "gradient_checkpointing": True}, 16),
    ],
)
def test_passes_of_an_update(changes: dict[str, object], passes: float) -> None:
    work = a_workload(**changes)
    once = forward_seconds(work, 500, MACHINE, FACTS)
    assert update_seconds(work, 500, MACHINE, FACTS) == pytest.approx(passes * once)


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"recomputes_log_probs": False}, 0),
        ({}, 1),
        ({"reference": True}, 2),
        ({"reference": True, "critic": True}, 3),
    ],
)
def test_passes_of_log_probabilities(changes: dict[str, object], passes: int) -> None:
    work = a_workload(**changes)
    once = forward_seconds(work, 500, MACHINE, FACTS)
    assert log_prob_seconds(work, 500, MACHINE, FACTS) == pytest.approx(passes * once)


def test_offloading_takes_time_and_fine_tuning_has_no_engine() -> None:
    moved = 2 * 12 * 7_615_616_512 / 8 / (FACTS.offload_gb_per_s * 1e9)
    away = other_seconds(a_workload(), a_machine(offload=True), FACTS)
    assert away - other_seconds(a_workload(), MACHINE, FACTS) == pytest.approx(moved)
    assert other_seconds(a_workload(kind="sft"), MACHINE, FACTS) == 0


def test_nodes_save_side_by_side() -> None:
    one = save_seconds(a_workload(), MACHINE, FACTS)
    assert one == pytest.approx(12 * 7_615_616_512 / (FACTS.disk_gb_per_s * 1e9))
    four = a_machine(gpus=32, train_gpus=32)
    assert save_seconds(a_workload(), four, FACTS) == pytest.approx(one / 4)
