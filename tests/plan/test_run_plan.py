"""The whole plan of a run: what is added up, what the text says, what scripts get."""

import json

import pytest

from harness.explain import options
from harness.plan.estimates_text import sweep_text
from harness.plan.run_plan import RunPlan, as_json, plan, sweep_json, together
from harness.plan.text import text
from tests.composing import on_gpus, spec_of

NO_HOURS = ("known after prepare", "larger than the GPUs' memory", "weights are more than")
CHAIN = ("+repro=deepscaler", "hardware=8xA100")


@pytest.fixture(scope="module")
def chain() -> RunPlan:
    return plan(spec_of(*CHAIN))


@pytest.mark.parametrize("hardware", ["8xA100", "16xH100", "2x4090"])
@pytest.mark.parametrize("recipe", options("repro"))
def test_every_recipe_has_a_plan_on_any_hardware(recipe: str, hardware: str) -> None:
    spec = on_gpus(recipe, hardware=hardware, must_fit=False)
    found = plan(spec)
    said = text(found, spec)
    for training in found.trainings:
        parts = [part.gb for phase in training.memory.phases for part in phase.parts]
        assert training.memory.verdict != "unknown" and min(parts) >= 0
        assert training.memory.verdict.upper() in said
    for stage in found.stages:
        assert stage.hours is None or 0 < stage.hours.low <= stage.hours.mid <= stage.hours.high
        assert stage.hours is not None or any(reason in stage.note for reason in NO_HOURS)


def test_a_chain_has_a_training_for_every_stage_and_sums_them(chain: RunPlan) -> None:
    assert [training.stage for training in chain.trainings] == ["8k", "16k", "24k"]
    names = [stage.name for stage in chain.stages]
    assert names == ["train 8k", "train 16k", "train 24k", "evaluate"]
    parts = [stage.gpu_hours.mid for stage in chain.stages if stage.gpu_hours]
    assert chain.total.gpu_hours and chain.total.gpu_hours.mid == pytest.approx(sum(parts))
    assert chain.total.hours and chain.total.gpu_hours.mid == pytest.approx(
        8 * chain.total.hours.mid
    )


def test_the_cost_is_gpu_hours_times_the_price(chain: RunPlan) -> None:
    assert chain.price and chain.total.usd and chain.total.gpu_hours
    expected = chain.price.usd_per_gpu_hour * chain.total.gpu_hours.mid
    assert chain.total.usd.mid == pytest.approx(expected)
    free = plan(spec_of(*CHAIN, "hardware.usd_per_gpu_hour=null"))
    assert free.price is None and free.total.usd is None and free.total.hours is not None


def test_a_claim_says_what_decides_it(chain: RunPlan) -> None:
    found = {item.benchmark: item for item in chain.decisions}
    assert found["aime24"].k == 16 and found["aime24"].run_sd == pytest.approx(0.066)
    easy = found["math500"]
    assert easy.k_needed == 4
    assert easy.cost and easy.cost.gpu_hours
    dearer = plan(spec_of(*CHAIN, "hardware=1xH100")).decisions
    assert {item.benchmark for item in dearer} == set(found)


def test_a_miniature_has_no_claim_to_decide_and_no_hours() -> None:
    found = plan(spec_of("+repro=tinyzero"))
    assert not found.decisions and found.total.hours is None
    said = text(found, spec_of("+repro=tinyzero"))
    assert "not estimated" in said and "k needed" not in said


def test_what_does_not_fit_is_planned_with_a_change() -> None:
    spec = spec_of("+repro=logic_rl", "hardware=2x4090", must_fit=False)
    found = plan(spec)
    assert not found.fits
    said = text(found, spec)
    assert "DOES NOT FIT" in said and found.change
    assert f"\n        {' '.join(found.change.overrides)}\n" in said
    assert [stage.hours for stage in found.stages] == [None, found.stages[-1].hours]
    assert "larger than the GPUs' memory" in found.stages[0].note


def test_what_might_fit_all_the_same_has_hours_that_say_so() -> None:
    spec = spec_of("+repro=gsm8k_rlvr", "hardware=1xA100-40G", must_fit=False)
    found = plan(spec)
    assert not found.fits and found.total.hours
    assert "It does not fit: the hours" in text(found, spec)


def test_one_change_is_for_all_stages_of_a_chain() -> None:
    words = ("+repro=deepscaler", "hardware=2x4090")
    change = plan(spec_of(*words, must_fit=False)).change
    assert change
    pasted = plan(spec_of(*words, *change.overrides))
    assert [training.memory.verdict for training in pasted.trainings] == ["fits"] * 3


def test_stages_that_are_alike_are_told_once(chain: RunPlan) -> None:
    spec = spec_of("+repro=logic_rl_curriculum", "hardware=8xA100")
    said = text(plan(spec), spec)
    assert said.count("GB per GPU, at most") == 1
    assert "stage 7ppl (starts from 6ppl): as stage 3ppl" in said
    assert text(chain, spec_of(*CHAIN)).count("GB per GPU, at most") == 3


def test_steps_from_the_cards_rows_are_about() -> None:
    spec = spec_of("+repro=open_reasoner_zero", "hardware=32xA800")
    (training,) = plan(spec).trainings
    assert not training.steps_are_exact and training.steps
    said = text(plan(spec), spec)
    assert f"about {training.steps:,} (by the card's number of rows; exact after prepare)" in said
    assert f"{training.steps:,} steps of about" in said


def test_a_chain_exports_the_last_stages_checkpoint(chain: RunPlan) -> None:
    assert "the checkpoint of step 230 as a" in text(chain, spec_of(*CHAIN))


def test_a_laptop_has_processes() -> None:
    spec = spec_of("+repro=tinyzero")
    said = text(plan(spec), spec)
    assert "GB per process" in said and "GPU," not in said


def test_supervised_training_has_no_engine() -> None:
    words = ("algorithm=sft", "data=countdown_demonstrations", "model=qwen2_5_7b")
    spec = spec_of(*words, "hardware=8xA100")
    said = text(plan(spec), spec)
    assert "sequences  64 per step" in said
    assert "copy of the engine" not in said and "KV cache" not in said


def test_unknown_gpu_memory_has_no_cache() -> None:
    spec = spec_of("+repro=tinyzero", "hardware=4xA800", "hardware.gpu_mem_gb=null")
    said = text(plan(spec), spec)
    assert "UNKNOWN" in said and "KV cache" not in said
    assert "set hardware.gpu_mem_gb, or take" in said


def test_lines_are_short_but_for_addresses_and_overrides(chain: RunPlan) -> None:
    said = text(chain, spec_of(*CHAIN))
    long = [line for line in said.split("\n") if len(line) > 112]
    assert all(len(line.split()) == 1 for line in long)


def test_json_holds_all_that_scripts_need(chain: RunPlan) -> None:
    content = json.loads(json.dumps(as_json(chain)))
    assert content["fits"] is True
    assert content["stages"][0]["hours"].keys() == {"low", "mid", "high"}
    assert content["total"]["usd"]["mid"] > 0 and content["price"]["usd_per_gpu_hour"] > 0
    both = sweep_json([chain, chain])
    assert both["total"]["gpu_hours"]["mid"] == pytest.approx(
        2 * content["total"]["gpu_hours"]["mid"]
    )


def test_a_sweep_gets_a_line_a_run_and_no_total_where_a_run_is_unknown(chain: RunPlan) -> None:
    lines = sweep_text([chain, chain]).split("\n")
    assert lines[1].startswith(chain.name) and lines[3].startswith("total")
    assert together([chain, plan(spec_of("+repro=tinyzero"))]).hours is None


def test_the_text_names_every_part_of_memory_and_the_price(chain: RunPlan) -> None:
    said = text(chain, spec_of(*CHAIN))
    for word in ("KV cache", "logits", "optimizer", "in all", "FITS", "USD per GPU-hour", "total"):
        assert word in said
    assert "claim" in said and "k needed" in said
