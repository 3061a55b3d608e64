"""AALC: the length term under closed and open gates, and where its accuracy comes from."""

from collections.abc import Mapping
from functools import cache

import pytest

from harness.data.columns import columns_of
from harness.errors import DataError
from harness.rewards import Batch, Sample, Score, Scored
from harness.spec import RLAlgorithm, RunSpec
from reproductions.aalc.reward import accuracy_gated, math, validation_accuracy
from tests.composing import spec_of

CONSTANTS = {"target": 1.0, "beta": 128, "gamma": 0.9, "alpha": 1e-6, "max_tokens": 1024}
RIGHT, WRONG = 1.0, 0.0


@cache
def full(name: str) -> RunSpec:
    return spec_of(f"+repro={name}", "hardware=8xH20")


def scored(value: float, tokens: int | None) -> Scored:
    sample = Sample(prompt="", response="", ground_truth=None, response_tokens=tokens)
    return Scored(sample=sample, score=Score(value=value, correct=value > 0))


def batch(*members: Scored, accuracy: float | None = None) -> Batch:
    seen: Mapping[str, float] = {}
    if accuracy is not None:
        seen = {"val-aux/math/reward/mean@1": 9.0, "val-core/math/acc/mean@1": accuracy}
    return Batch(groups=[list(members)], step=1, state={}, validation=seen)


def rewards(given: Batch, **changed: float) -> list[float]:
    return accuracy_gated(given, **(CONSTANTS | changed))[0]  # type: ignore[arg-type]


def test_before_the_first_validation_answers_alone_count() -> None:
    assert rewards(batch(scored(RIGHT, 10), scored(WRONG, 2000))) == [1.0, 0.0]


def test_at_the_published_constants_the_length_waits_for_accuracy() -> None:
    short, long = rewards(batch(scored(RIGHT, 10), scored(RIGHT, 2000), accuracy=0.8))
    assert short == pytest.approx(0.92 + 1e-6, abs=1e-12)
    assert abs(short - long) < 1e-15


def test_at_the_target_shorter_responses_earn_more() -> None:
    short, half, long = rewards(
        batch(scored(RIGHT, 0), scored(RIGHT, 512), scored(RIGHT, 1024), accuracy=1.0)
    )
    assert [short, half, long] == pytest.approx([0.9 + 1e-6, 0.9 + 5e-7, 0.9], abs=1e-12)


def test_no_length_outweighs_a_right_answer() -> None:
    right, wrong = rewards(batch(scored(RIGHT, 3072), scored(WRONG, 0), accuracy=1.0))
    assert right > wrong


def test_the_target_opens_the_gate_earlier() -> None:
    given = batch(scored(RIGHT, 1024), accuracy=0.8)
    assert rewards(given, target=0.8) == pytest.approx([0.9], abs=1e-12)
    assert given.state == {"reached": 1.0}


def test_the_accuracy_is_verls_mean_over_all_samples() -> None:
    named = {"val-aux/math/acc/mean@1": 0.1, "val-core/math/acc/mean@16": 0.4}
    assert validation_accuracy(named) == 0.4
    with pytest.raises(DataError, match="val-core/math/acc/best@16"):
        validation_accuracy({"val-core/math/acc/best@16": 0.4})


def test_a_response_without_its_length_is_refused() -> None:
    with pytest.raises(DataError, match="response_tokens"):
        rewards(batch(scored(RIGHT, None), accuracy=1.0))


def test_the_base_rule_compares_normalised_boxes() -> None:
    half = Sample(prompt="", response="\\boxed{\\frac12}<|im_end|>", ground_truth={"answer": "1/2"})
    assert (math(half).value, math(half).correct) == (1.0, True)


def test_the_recipe_has_the_published_constants_and_the_other_none() -> None:
    assert dict(full("aalc").reward.batch_arguments) == CONSTANTS
    committed = full("aalc_as_committed").reward
    assert committed.batch is None and committed.function == full("aalc").reward.function


def test_the_reward_has_an_accuracy_before_the_first_step() -> None:
    for name in ("aalc", "aalc_as_committed"):
        schedule = full(name).schedule
        assert schedule.validate_first and schedule.validate_every == 10
        assert spec_of(f"+repro={name}").schedule.validate_first


def test_an_epoch_of_forty_is_29_steps() -> None:
    of, rows = full("aalc").algorithm, full("aalc").data.train_rows
    assert isinstance(of, RLAlgorithm) and rows is not None
    assert rows // of.prompts_per_step == 29
    assert of.prompts_per_step // of.mini_batch_prompts == 16


def test_the_gold_is_the_box_of_the_solution() -> None:
    row = {"problem": "Half?", "solution": "So it is $\\boxed{\\frac{1}{2}}$."}
    fields = columns_of(full("aalc").data).pick(row, "row 1")
    assert fields == {"problem": "Half?", "answer": "\\frac{1}{2}"}
