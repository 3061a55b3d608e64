"""L1: rewards of targets and maxima by hand, and what the stages of L1-Max change."""

from functools import cache
from typing import Any

import pytest

from harness.chain import legs
from harness.errors import DataError
from harness.rewards import Sample
from harness.spec import RunSpec
from reproductions.l1 import reward
from tests.composing import spec_of

RIGHT = "Six times seven.\n</think>\n\\boxed{42}"
WRONG = "Six times seven.\n</think>\n\\boxed{41}"
WEIGHTS = {"alpha": 3.0e-4, "at_most_alpha": 2.0e-3}


def sample(response: str, tokens: int, truth: Any = "42") -> Sample:
    return Sample(prompt="<think>\n", response=response, ground_truth=truth, response_tokens=tokens)


def lcpo(response: str, tokens: int, budget: int) -> float:
    truth = {"answer": "42", "budget": budget}
    return reward.lcpo(sample(response, tokens, truth), **WEIGHTS).value


@cache
def stages() -> list[RunSpec]:
    return [leg.spec for leg in legs(spec_of("+repro=l1_max", "hardware=8xA100"))]


def test_a_target_costs_on_both_sides_whether_right_or_wrong() -> None:
    assert lcpo(RIGHT, 1000, 1000) == 1.0
    assert lcpo(RIGHT, 1100, 1000) == lcpo(RIGHT, 900, 1000) == pytest.approx(0.97)
    assert lcpo(WRONG, 1100, 1000) == pytest.approx(-0.03)


def test_a_maximum_weighs_right_answers_only() -> None:
    assert lcpo(RIGHT, 1000, -1000) == 0.5
    assert lcpo(RIGHT, 500, -1000) == lcpo(RIGHT, 10, -1000) == 1.0
    assert lcpo(RIGHT, 1250, -1000) == pytest.approx(0.25)
    assert lcpo(RIGHT, 1500, -1000) == lcpo(WRONG, 10, -1000) == 0.0


def test_the_product_would_pay_nothing_for_targets() -> None:
    """Why the flags of one rule cannot train on data with both kinds of budgets."""
    for tokens in (900, 1000, 1100):
        score = reward.linear_mult(sample(RIGHT, tokens), num_tokens=1000, alpha=3.0e-4)
        assert score.value == 0.0 and score.correct


def test_upstreams_sigmoid_of_a_target_grows_with_the_distance() -> None:
    near, far = (
        reward.sigmoid(sample(WRONG, tokens), num_tokens=1000, alpha=0.01).value
        for tokens in (1000, 1400)
    )
    assert near == 0.5 < far


def test_minus_one_is_no_budget() -> None:
    for rule in (reward.linear, reward.linear_mult, reward.sigmoid, reward.sigmoid_mult):
        assert rule(sample(RIGHT, 9000), num_tokens=-1, alpha=0.01).value == 1.0


def test_only_the_closing_tag_is_needed() -> None:
    open_ended = Sample(prompt="", response=RIGHT, ground_truth="42", response_tokens=9)
    assert reward.answered(open_ended).correct
    assert not reward.answered(sample("\\boxed{42}", 9)).correct


def test_data_without_budgets_are_refused() -> None:
    with pytest.raises(DataError, match=r"set data\.budget, and data\.ground_truth"):
        reward.lcpo(sample(RIGHT, 9, {"answer": "42"}), **WEIGHTS)


def test_max_goes_on_from_step_700_with_half_of_the_budgets_as_maxima() -> None:
    exact, at_most = stages()
    assert (exact.schedule.steps, exact.schedule.export_step) == (700, 700)
    assert at_most.starts_from == "exact"
    assert (at_most.schedule.steps, at_most.schedule.epochs) == (None, 1)
    assert exact.data.budget and at_most.data.budget
    assert (exact.data.budget.at_most_share, at_most.data.budget.at_most_share) == (0.0, 0.5)
    assert (exact.data.max_response_tokens, at_most.data.max_response_tokens) == (4096, 4500)
    assert (exact.algorithm.optimizer.lr, at_most.algorithm.optimizer.lr) == (1.0e-6, 4.0e-6)
    assert exact.reward == at_most.reward


def test_the_protocols_ask_for_the_budgets_as_training_does() -> None:
    spec = stages()[1]
    assert spec.eval.budgets and spec.data.budget
    assert spec.eval.budgets.suffix == spec.data.budget.at_most
    exact = spec_of("+repro=l1", "hardware=8xA100")
    assert exact.eval.budgets and exact.data.budget
    assert exact.eval.budgets.suffix == exact.data.budget.exact
    assert exact.eval.prompt and exact.eval.prompt.template + "{budget_text}" == (
        exact.data.template.replace("{{}}", "{}")
    )
