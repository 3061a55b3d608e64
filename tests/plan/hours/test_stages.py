"""Hours, GPU-hours and cost of every stage: of all recipes, and how they must move."""

import time
from functools import cache

import pytest

from harness.explain import options
from harness.plan.hours.stages import StageHours, stage_hours
from harness.plan.interval import Interval
from tests.composing import on_gpus, spec_of


@cache
def hours(*words: str) -> list[StageHours]:
    return stage_hours(spec_of(*words))


def mid(found: Interval | None) -> float:
    assert found is not None
    return found.mid


@pytest.mark.parametrize("recipe", options("repro"))
def test_every_recipe_has_hours(recipe: str) -> None:
    spec = on_gpus(recipe)
    stages = stage_hours(spec)
    assert stages[-1].name == "evaluate"
    assert all(stage.name.startswith("train") for stage in stages[:-1])
    for stage in stages:
        assert stage.hours is not None, stage.note
        assert 0 < stage.hours.low < stage.hours.mid < stage.hours.high
        gpus = spec.hardware.nodes * spec.hardware.gpus_per_node
        assert mid(stage.gpu_hours) == pytest.approx(gpus * stage.hours.mid)
        assert stage.note


def test_a_chain_names_its_trainings_and_a_control_comes_first() -> None:
    words = ("+repro=deepscaler", "hardware=8xA100", "control.enabled=true")
    names = [stage.name for stage in hours(*words)]
    assert names == ["control", "train 8k", "train 16k", "train 24k", "evaluate"]


def test_the_control_is_half_of_the_evaluation() -> None:
    words = ("+repro=deepscaler", "hardware=8xA100", "control.enabled=true")
    control, *_, evaluate = hours(*words)
    assert mid(evaluate.hours) == pytest.approx(2 * mid(control.hours))


def test_cost_is_gpu_hours_times_the_price() -> None:
    words = ("+repro=dr_grpo", "hardware=8xA100")
    stage = hours(*words, "hardware.usd_per_gpu_hour=2")[0]
    assert mid(stage.usd) == pytest.approx(2 * mid(stage.gpu_hours))
    assert hours(*words, "hardware.usd_per_gpu_hour=null")[0].usd is None


def test_a_cpu_is_not_estimated() -> None:
    for stage in hours("+repro=tinyzero", "hardware=cpu"):
        assert stage.hours is stage.gpu_hours is stage.usd is stage.step is None
        assert stage.note.startswith("not estimated: nothing is known about the speed")


def test_unknown_rows_leave_the_training_open_and_not_the_evaluation() -> None:
    words = ("hardware=8xA100", "data=countdown_file", "data.source.path=rows.jsonl")
    train, evaluate = hours(*words, "schedule.steps=null")
    assert train.hours is None and "after prepare" in train.note
    assert evaluate.hours is not None


def test_a_server_elsewhere_is_not_estimated() -> None:
    url = "backend.url=http://127.0.0.1:8000/v1"
    evaluate = hours("+repro=dr_grpo", "hardware=8xA100", "backend=openai", url)[-1]
    assert evaluate.hours is None and "elsewhere" in evaluate.note


@pytest.mark.parametrize(
    "more",
    [
        "algorithm.group_size=16",
        "schedule.epochs=40",
        "schedule.validate_every=1",
        "schedule.save_every=1",
        "model=qwen2_5_32b",
        "hardware=4xA100",
    ],
)
def test_more_work_or_less_machine_takes_longer(more: str) -> None:
    base = ("+repro=dr_grpo", "hardware=8xA100", "hardware.rollout.memory_fraction=0.9")
    assert mid(hours(*base, more)[0].hours) > mid(hours(*base)[0].hours)


def test_more_samples_take_longer_to_evaluate() -> None:
    base = ("+repro=deepscaler", "hardware=8xA100")
    few = mid(
        hours(*base, "eval=aime24", "eval.benchmarks=[{name: aime24, samples_per_problem: 16}]")[
            -1
        ].hours
    )
    many = mid(
        hours(*base, "eval=aime24", "eval.benchmarks=[{name: aime24, samples_per_problem: 256}]")[
            -1
        ].hours
    )
    assert few < many < 16 * few


def test_an_evaluation_of_its_own_job_holds_its_own_gpus() -> None:
    words = ("+repro=dr_grpo", "hardware=32xA800", "launch=slurm", "launch.split=true")
    *_, evaluate = hours(*words, "launch.eval_gpus=2")
    assert evaluate.gpus == 2


def test_a_job_of_its_own_splits_the_model_over_its_own_gpus() -> None:
    split = ("+repro=dapo", "hardware=128xH800", "launch=slurm", "launch.split=true")
    one = hours(*split, "launch.eval_gpus=1")[-1]
    four = hours(*split, "launch.eval_gpus=4")[-1]
    assert mid(one.hours) > 3 * mid(four.hours)
    assert mid(hours(*split, "launch.eval_gpus=8")[-1].hours) == pytest.approx(
        mid(hours("+repro=dapo", "hardware=128xH800")[-1].hours)
    )


def test_a_control_runs_in_the_training_s_job() -> None:
    split = ("+repro=dr_grpo", "hardware=8xA100", "launch=slurm", "launch.split=true")
    control, *_, evaluate = hours(*split, "launch.eval_gpus=1", "control.enabled=true")
    assert (control.gpus, evaluate.gpus) == (8, 1)
    assert mid(evaluate.hours) > 4 * mid(control.hours)


def test_the_hf_back_end_measures_on_one_gpu() -> None:
    base = ("+repro=dr_grpo", "backend=hf")
    few, many = (hours(*base, f"hardware={name}")[-1] for name in ("4xA100", "8xA100"))
    assert mid(few.hours) == pytest.approx(mid(many.hours))


def test_copies_of_the_model_can_be_limited() -> None:
    base = ("+repro=deepscaler", "hardware=8xA100")
    assert mid(hours(*base, "backend.data_parallel=1")[-1].hours) > 4 * mid(hours(*base)[-1].hours)


def test_missing_facts_are_named() -> None:
    found = hours("+repro=tinyzero", "hardware=4xA800", "hardware.bf16_tflops=null")
    assert all("set hardware.bf16_tflops, or take them" in stage.note for stage in found)


def test_a_model_larger_than_its_evaluations_gpus_is_not_estimated() -> None:
    spec = spec_of("+repro=dapo", "hardware=2x4090", must_fit=False)
    train, evaluate = stage_hours(spec)
    assert train.hours is None and "larger than the GPUs' memory" in train.note
    assert evaluate.hours is None and "more than 85% of the memory of 1 GPU" in evaluate.note


def test_the_step_is_told_by_its_parts() -> None:
    train = hours("+repro=dr_grpo", "hardware=8xA100")[0]
    assert "s (generate " in train.note and ", update " in train.note


def test_the_last_step_and_the_start_are_validated_as_well() -> None:
    base = ("+repro=tinyzero", "hardware=4xA800", "schedule.steps=10")

    def more(*words: str) -> float:
        none = mid(hours(*base, "schedule.validate_every=null")[0].hours)
        return mid(hours(*base, *words)[0].hours) - none

    once = more("schedule.validate_every=null", "schedule.validate_first=true")
    assert once > 0
    assert more("schedule.validate_every=6") == pytest.approx(2 * once)


def test_monitor_passes_cost_as_much_as_validations_of_so_many_responses() -> None:
    base = ("+repro=tinyzero", "hardware=4xA800", "schedule.steps=10", "data.test_rows=256")
    none = mid(hours(*base, "schedule.validate_every=null")[0].hours)
    validated = mid(hours(*base, "schedule.validate_every=5")[0].hours) - none
    watched = mid(
        hours(
            *base,
            "schedule.validate_every=null",
            "reward.batch=tests.step_rewards:remembering",
            "schedule.monitor={rows: 64, every: 4, samples: 4}",
        )[0].hours
    )
    # Two validations at steps 5 and 10; two passes, before steps 5 and 9.
    assert watched - none == pytest.approx(validated)


def test_a_run_takes_milliseconds() -> None:
    spec = spec_of("+repro=deepscaler", "hardware=8xA100")
    stage_hours(spec)
    spent = []
    for _ in range(5):
        started = time.process_time()
        stage_hours(spec)
        spent.append(time.process_time() - started)
    assert min(spent) < 0.02
