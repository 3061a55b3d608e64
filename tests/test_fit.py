"""Every recipe on every machine: the recipe's batch as it is, or a refusal with the arithmetic."""

from functools import cache
from pathlib import Path

import pytest

from harness.chain import legs
from harness.explain import options
from harness.fit import fit, fitted, longest_sequence
from harness.rules import violations
from harness.spec import Hardware, RunSpec
from harness.verl.emit import emit
from tests.composing import eval_spec_of, on_gpus

MACHINES = [name for name in options("hardware") if name != "cpu"]
BATCH = ("data.train_batch_size", "actor_rollout_ref.rollout.n")
MINI_BATCH = "actor_rollout_ref.actor.ppo_mini_batch_size"


@cache
def machine(name: str) -> Hardware:
    return eval_spec_of(f"hardware={name}", "eval=aime24").hardware


@cache
def recipe(name: str) -> RunSpec:
    return on_gpus(name, "hardware.gpu_mem_gb=2000")


@pytest.mark.parametrize("name", options("repro"))
@pytest.mark.parametrize("gpus", MACHINES)
def test_the_batch_is_the_recipe_s_or_the_run_is_refused(name: str, gpus: str) -> None:
    for leg in legs(recipe(name)):
        spec = leg.spec.model_copy(update={"hardware": machine(gpus)})
        if broken := violations(spec):
            assert all("GPU" in text and "choose" in text for text in broken), broken
            continue
        ours = emit(spec, Path("/run"), steps=10)
        reference = emit(leg.spec, Path("/run"), steps=10)
        assert [ours[key] for key in (*BATCH, MINI_BATCH)] == [
            reference[key] for key in (*BATCH, MINI_BATCH)
        ]
        assert ours["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"] >= longest_sequence(spec)
        tensor_parallel = ours["actor_rollout_ref.rollout.tensor_model_parallel_size"]
        assert spec.hardware.gpus_per_node % tensor_parallel == 0


def test_a_model_too_large_for_the_machine_is_refused_with_the_arithmetic() -> None:
    spec = recipe("tinyzero").model_copy(update={"hardware": machine("2x4090")})
    (text,) = violations(spec)
    assert "3.086 B parameters x 16 bytes / 2 GPUs = 25 GB a GPU" in text
    assert "at least 3 such GPUs" in text


def test_a_batch_that_does_not_spread_is_refused_with_the_arithmetic() -> None:
    spec = recipe("tinyzero")
    odd = machine("6xA100")
    (text,) = violations(spec.model_copy(update={"hardware": odd}))
    assert "64 prompts x 1 responses = 64 does not divide over 6 GPUs" in text


def test_the_engine_is_split_as_far_as_its_weights_need() -> None:
    small = recipe("tinyzero")
    large = small.model_copy(update={"model": small.model.model_copy(update={"parameters_b": 32})})
    assert fit(small.model_copy(update={"hardware": machine("8xA100")})).tensor_parallel == 1
    assert fit(large.model_copy(update={"hardware": machine("8xA100")})).tensor_parallel == 4


def test_models_leave_the_gpu_when_they_would_fill_it() -> None:
    small = recipe("tinyzero")
    assert fit(small.model_copy(update={"hardware": machine("4xA800")})).offload is False
    assert fit(small.model_copy(update={"hardware": machine("1xA100-40G")})).offload is True


def test_given_values_are_kept() -> None:
    spec = recipe("tinyzero")
    given = machine("8xA100").model_copy(update={"offload": True, "tokens_per_gpu": 4000})
    found = fitted(spec.model_copy(update={"hardware": given}))
    assert (found.offload, found.tokens_per_gpu, found.rollout.tensor_parallel) == (True, 4000, 1)
