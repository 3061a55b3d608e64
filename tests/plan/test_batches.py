"""Batch arithmetic of the plan, by hand."""

from harness.plan.batches import batches, planned_steps, total_steps
from harness.plan.run_plan import plan
from harness.plan.text import text
from tests.composing import spec_of


def test_tinyzero_by_hand() -> None:
    step = batches(spec_of("+repro=tinyzero", "hardware=4xA800"))
    assert (step.prompts, step.responses, step.optimizer_updates) == (256, 256, 4)
    assert step.max_tokens == 256 * 1280 and step.max_tokens_per_gpu == 256 * 1280 // 4
    assert step.max_micro_batches_per_gpu == 5


def test_groups_and_epochs_multiply() -> None:
    spec = spec_of("hardware=8xA100", "model=qwen2_5_3b", "algorithm=grpo", "algorithm.epochs=2")
    step = batches(spec)
    assert (step.responses, step.optimizer_updates) == (1024, 4)


def test_responses_that_are_left_out_are_said_and_make_updates_smaller() -> None:
    words = ("hardware=8xA100", "model=qwen2_5_3b", "algorithm=grpo", "algorithm.group_size=8")
    spec = spec_of(*words, "+algorithm.pruning={rate: 0.5}", "algorithm.drop_groups=reward")
    step = batches(spec)
    assert (step.responses, step.trained, step.optimizer_updates) == (1024, 512, 2)
    said = text(plan(spec), spec)
    assert "trained on" in said and "at most 512 of these 1,024" in said
    assert "0.5 of each group pruned (smallest advantages)" in " ".join(said.split())


def test_steps_are_bounded_by_the_epochs() -> None:
    assert planned_steps(spec_of("+repro=tinyzero", "hardware=4xA800")) == 15 * 327680 // 256
    spec = spec_of("+repro=tinyzero", "schedule.steps=9", "schedule.epochs=1")
    assert total_steps(spec, train_rows=256 * 5 + 100) == 5


def test_unknown_rows_are_said() -> None:
    spec = spec_of(
        "data=countdown_file", "data.source.path=x", "schedule.steps=null", "model=qwen2_5_0_5b"
    )
    assert planned_steps(spec) is None
    assert "known after prepare" in text(plan(spec), spec)
