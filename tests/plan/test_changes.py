"""The change that the plan offers makes the run fit, can be pasted, and is the cheapest."""

import pytest

from harness.chain import legs
from harness.compose import to_run_spec
from harness.plan.changes import Change, cheapest_change
from harness.plan.memory import memory
from harness.plan.memory.setting import CALCULATE_ENTROPY, CHUNKED_ENTROPY
from harness.spec import RunSpec
from tests.composing import config_of, spec_of

WASTEFUL = (f"verl.{CALCULATE_ENTROPY}=true", f"verl.{CHUNKED_ENTROPY}=false")


def spec(*overrides: str) -> RunSpec:
    return to_run_spec(config_of(*overrides), must_fit=False)


def change(*overrides: str) -> Change:
    found = cheapest_change([spec(*overrides)])
    assert found is not None
    return found


@pytest.mark.parametrize(
    "run",
    [
        ("+repro=dapo", "hardware=128xH800"),
        ("+repro=dapo", "hardware=8xH100"),
        ("+repro=dapo", "hardware=4xA100"),
        ("+repro=dapo", "hardware=1xH100"),
        ("+repro=logic_rl", "hardware=1xA100-40G"),
        ("+repro=tinyzero", "hardware=1xH100"),
        ("+repro=tinyzero", "hardware=2x4090"),
        ("+repro=gsm8k_rlvr", "hardware=1xA100-40G"),
        ("+repro=simplerl_zoo", "hardware=1xH100"),
        ("+repro=open_reasoner_zero", "hardware=8xA100", "hardware.rollout.memory_fraction=0.2"),
    ],
)
def test_the_overrides_can_be_pasted_and_make_it_fit(run: tuple[str, ...]) -> None:
    found = change(*run, *WASTEFUL)
    pasted = spec_of(*run, *WASTEFUL, *found.overrides)
    after = memory(pasted)
    assert after.verdict == "fits" and after.peak_gb == pytest.approx(found.peak_gb)
    assert found.words


def test_what_fits_needs_no_change() -> None:
    fitting = spec("+repro=tinyzero", "hardware=4xA800", f"verl.{CHUNKED_ENTROPY}=true")
    assert cheapest_change([fitting]) is None


def test_what_costs_nothing_comes_first() -> None:
    assert change("+repro=dapo", "hardware=128xH800", *WASTEFUL).overrides == (
        f"verl.{CALCULATE_ENTROPY}=false",
    )


def test_an_entropy_that_counts_stays_in_the_loss() -> None:
    found = change("+repro=tinyzero", "hardware=2xA800", *WASTEFUL)
    assert found.overrides == (f"verl.{CHUNKED_ENTROPY}=true",)


def test_an_entropy_that_a_controller_may_weigh_stays_in_the_loss() -> None:
    controller = "algorithm.adaptive_entropy={target: 0.2, delta: 1.0e-4, max_coef: 0.005}"
    found = change("+repro=dapo", "hardware=128xH800", *WASTEFUL, controller)
    assert all(CALCULATE_ENTROPY not in override for override in found.overrides)


def test_a_starved_cache_gets_more_memory() -> None:
    lean = f"verl.{CHUNKED_ENTROPY}=true"
    found = change(
        "+repro=tinyzero", "hardware=4xA800", "hardware.rollout.memory_fraction=0.17", lean
    )
    assert found.overrides == ("hardware.rollout.memory_fraction=0.3",)


def test_more_gpus_only_where_settings_do_not_help() -> None:
    found = change("+repro=simplerl_zoo", "hardware=1xH100", *WASTEFUL)
    assert "hardware.gpus_per_node" in " ".join(found.overrides)


def test_nothing_is_offered_where_nothing_helps() -> None:
    huge = ("model.path=owner/huge", "model.parameters_b=3000", "model.name=huge")
    assert cheapest_change([spec("+repro=tinyzero", "hardware=1xA100-40G", *huge)]) is None


def test_a_chain_s_last_stage_is_helped() -> None:
    last = legs(spec("+repro=deepscaler", "hardware=8xA100", *WASTEFUL))[-1]
    found = cheapest_change([last.spec])
    assert found and found.overrides == (f"verl.{CHUNKED_ENTROPY}=true",)
