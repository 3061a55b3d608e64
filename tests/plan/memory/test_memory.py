"""Memory of whole trainings: known runs, what settings change, and what stays where."""

import pytest

from harness.chain import legs
from harness.compose import to_run_spec
from harness.explain import options
from harness.plan.memory import Memory, Phase, memory
from harness.plan.memory.setting import CALCULATE_ENTROPY, CHUNKED_ENTROPY
from tests.composing import config_of, spec_of

LEAN = (f"verl.{CALCULATE_ENTROPY}=false", f"verl.{CHUNKED_ENTROPY}=true")
"""Entropy only where it is needed, in chunks."""
PUBLISHED = [  # recipe, the machine of its authors
    ("dapo", "128xH800"),
    ("dapo", "128xH20"),
    ("deepscaler", "8xA100"),
    ("deepscaler", "32xA100"),
    ("dr_grpo", "8xA100"),
    ("logic_rl", "4xA100"),
    ("logic_rl_curriculum", "8xA100"),
    ("mini_r1", "4xH100"),
    ("oat_zero", "8xA100"),
    ("open_r1", "8xH100"),
    ("open_reasoner_zero", "32xA800"),
    ("simplerl_reason", "32xA100"),
    ("simplerl_zoo", "16xH100"),
    ("tinyzero", "2xA800"),
]


def phase(found: Memory, name: str) -> Phase:
    return next(phase for phase in found.phases if phase.name == name)


def gb(found: Memory, name: str, part: str) -> float:
    return sum(piece.gb for piece in phase(found, name).parts if piece.name == part)


def planned(*overrides: str) -> Memory:
    return memory(to_run_spec(config_of(*overrides), must_fit=False))


@pytest.mark.parametrize(("recipe", "machine"), PUBLISHED)
def test_every_recipe_fits_on_its_authors_machine(recipe: str, machine: str) -> None:
    for leg in legs(spec_of(f"+repro={recipe}", f"hardware={machine}", *LEAN)):
        found = memory(leg.spec)
        assert found.verdict == "fits", found.reason
        assert found.host_gb < found.host_budget_gb


def test_a_7b_s_training_state_is_122_gb() -> None:
    found = planned("+repro=simplerl_zoo", "hardware=1xH100", "hardware.offload=false")
    update = phase(found, "update")
    state = {"weights", "optimizer", "gradients"}
    assert sum(part.gb for part in update.parts if part.name in state) == pytest.approx(
        7.615616512 * 16
    )
    assert found.verdict == "does not fit"


def test_the_sum_of_its_parts() -> None:
    found = memory(spec_of("+repro=tinyzero", "hardware=4xA800"))
    for one in found.phases:
        assert one.gb == pytest.approx(sum(part.gb for part in one.parts))
        assert all(part.gb > 0 and part.note for part in one.parts)
    assert found.peak_gb == max(one.gb for one in found.phases)
    assert found.peak in {one.name for one in found.phases}


def test_the_entropy_of_all_logits_at_once_decides() -> None:
    """16 384 tokens x 151 936 x 26 bytes; in chunks 12 and a little."""
    full = planned("+repro=tinyzero", "hardware=4xA800", f"verl.{CHUNKED_ENTROPY}=false")
    chunked = planned("+repro=tinyzero", "hardware=4xA800", f"verl.{CHUNKED_ENTROPY}=true")
    assert gb(full, "update", "logits") == pytest.approx(16384 * 151936 * 26 / 1e9)
    assert gb(chunked, "update", "logits") == pytest.approx(16384 * 151936 * 12.5 / 1e9)


def test_off_loading_empties_the_gpu_between_uses_and_fills_the_host() -> None:
    recipe = ("+repro=tinyzero", "hardware=4xA800", *LEAN)
    kept = planned(*recipe, "hardware.offload=false")
    away = planned(*recipe, "hardware.offload=true")
    assert gb(away, "generate", "weights") == 0 < gb(kept, "generate", "weights")
    assert gb(away, "update", "weights") == gb(kept, "update", "weights")
    assert gb(away, "update", "critic weights") == 0 < gb(kept, "update", "critic weights")
    # fp32 weights and two moments of the policy and of the critic
    moved = away.host_gb - kept.host_gb
    assert moved == pytest.approx(2 * 3.0859 * 12, rel=0.01)


def test_the_reference_model_stays_on_the_host() -> None:
    found = memory(spec_of("+repro=tinyzero", "hardware=4xA800"))
    assert {part.name for part in found.host} >= {"reference"}
    assert not any(part.name == "reference" for one in found.phases for part in one.parts)


def test_adapters_train_little_and_keep_no_reference() -> None:
    base = ("model=qwen2_5_7b", "hardware=8xA100", "algorithm=grpo", "data=countdown_generated")
    whole = planned(*base)
    adapted = planned(*base, "algorithm.lora={rank: 32, alpha: 64}")
    assert gb(adapted, "update", "optimizer") < 0.05 * gb(whole, "update", "optimizer")
    assert gb(adapted, "update", "weights") == pytest.approx(
        gb(whole, "update", "weights"), rel=0.02
    )
    assert not any(part.name == "reference" for part in adapted.host)


def test_checkpointing_trades_activations_for_time() -> None:
    recipe = ("+repro=tinyzero", "hardware=4xA800", *LEAN)
    without = planned(*recipe, "hardware.gradient_checkpointing=false")
    assert gb(without, "update", "activations") > 5 * gb(planned(*recipe), "update", "activations")


def test_a_cache_below_one_sequence_does_not_fit() -> None:
    found = planned("+repro=tinyzero", "hardware=4xA800", "hardware.rollout.memory_fraction=0.17")
    assert found.kv_cache and found.kv_cache.sequences < 1
    assert found.verdict == "does not fit" and "less than one sequence" in found.reason


def test_unknown_memory_is_said() -> None:
    found = planned("+repro=tinyzero", "hardware=4xA800", "hardware.gpu_mem_gb=null")
    assert (found.verdict, found.budget_gb) == ("unknown", None)
    assert "gpu_mem_gb" in found.reason


def test_supervised_fine_tuning_has_no_engine() -> None:
    found = planned(
        "algorithm=sft", "data=countdown_demonstrations", "hardware=1xH100", "model=qwen2_5_0_5b"
    )
    assert [one.name for one in found.phases] == ["update", "save"]
    assert found.kv_cache is None and gb(found, "update", "logits") < 6


@pytest.mark.parametrize("recipe", options("repro"))
def test_every_miniature_fits_on_a_laptop(recipe: str) -> None:
    for leg in legs(spec_of(f"+repro={recipe}", "hardware=cpu")):
        found = memory(leg.spec)
        assert found.verdict == "fits", found.reason
        assert found.host == ()


def test_tight_lies_between() -> None:
    run = ("+repro=tinyzero", "hardware=4xA800", "hardware.offload=false", *LEAN)
    peak = planned(*run).peak_gb
    for size, verdict in ((peak / 0.9, "fits"), (peak, "tight"), (peak / 1.1, "does not fit")):
        found = planned(*run, f"hardware.gpu_mem_gb={size}")
        assert found.peak == "update" and found.verdict == verdict, (size, found.reason)


def test_log_probabilities_are_taken_of_the_whole_step_not_of_a_mini_batch() -> None:
    small = ("+repro=tinyzero", "hardware=1xH100", "hardware.tokens_per_gpu=16384",
             "algorithm.prompts_per_step=64")  # fmt: skip
    whole = planned(*small, "algorithm.mini_batch_prompts=64")
    split = planned(*small, "algorithm.mini_batch_prompts=4")
    assert gb(split, "log_probs", "logits") == gb(whole, "log_probs", "logits")
    assert gb(split, "update", "logits") < gb(whole, "update", "logits")
