"""Demystifying Long CoT: where the verifier looks, the two rewards, and their two discounts."""

from pathlib import Path

import pytest

from harness.rewards import Sample
from harness.verl.emit import emit
from reproductions.demystify_long_cot.hendrycks import candidates, equal, matches
from reproductions.demystify_long_cot.reward import (
    classic,
    classic_value,
    cosine_scaled,
    cosine_value,
)
from tests.composing import spec_of

RUN = Path("/runs/one")
COSINE = {
    "min_value_wrong": -10,
    "max_value_wrong": 0,
    "min_value_correct": 1,
    "max_value_correct": 2,
    "max_len": 1000,
    "exceed_length": -10,
}


def sample(response: str, tokens: int, *, prompt: str = "", gold: str = "7") -> Sample:
    truth = {"answer": gold}
    return Sample(prompt=prompt, response=response, ground_truth=truth, response_tokens=tokens)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so $x = 7$ and $y = 8$", [" 8", ""]),
        ("cost \\$5 and $6$ or 7", ["6", ""]),
        ("$z$ is \\boxed{1}, \\boxed{2}", ["z", "1}, \\boxed{2"]),
        ("\\boxed{\\frac{1}{2}", ["\\boxed{\\frac{1}{2}", "\\frac{1}{2"]),
        ("\\boxed {5}", ["\\boxed {5}", "\\boxed {5}", ""]),
        ("The answer is: $$7$$.", ["", "", "7"]),
        ("the answer is: ", ["the answer is: ", ""]),
        ("the answer is: $", ["the answer is: $", ""]),
    ],
)  # fmt: skip
def test_the_answers_that_a_text_may_mean(text: str, found: list[str]) -> None:
    assert list(candidates(text)) == found


@pytest.mark.parametrize(
    ("given", "gold", "same"),
    [
        ("\\dfrac12", "\\frac{1}{2}", True),
        ("0.5", "\\frac{1}{2}", True),
        (".5", "0.5", True),
        ("(3, 4)", "3, 4", True),
        ("(3, 4)", "3,4", False),  # which reads as thirty-four
        ("1,234", "1234", True),
        ("x = 7", "7", True),
        ("area=7", "7", False),
        ("50\\%", "50", True),
        ("\\sqrt2", "\\sqrt{2}", True),
        ("a / b", "a/b", False),
        ("a/b", "a/b", True),
        ("7\\sqrt", "7\\sqrt ", False),
        ("1/02", "1/2", False),
    ],
)
def test_equal_as_the_math_evaluation_has_it(given: str, gold: str, same: bool) -> None:
    assert equal(given, gold) is same


def test_a_gold_that_is_only_a_unit_equals_a_text_without_a_box() -> None:
    assert matches("anything", "\\text{ cm}") and not matches("\\boxed{7}", "\\text{ cm}")


def test_the_verifier_reads_prompt_and_response_without_special_tokens() -> None:
    ended = sample("it is $x$, so we get y = 7<|eot_id|>", 10, prompt="<|user|>How much?")
    assert not classic(ended, correct=1, wrong=0, exceed_length=0, max_length=99).correct
    equation = sample(
        "we get y = 7<\uff5cend\u2581of\u2581sentence\uff5c>", 10, prompt="<|user|>How much?"
    )
    assert classic(equation, correct=1, wrong=0, exceed_length=0, max_length=99).correct
    opened = sample(" = 7$", 10, prompt="Complete $3 + 4")
    assert classic(opened, correct=1, wrong=0, exceed_length=0, max_length=99).correct


def test_a_right_response_falls_and_a_wrong_one_rises_with_its_length() -> None:
    right = [cosine_scaled(sample("\\boxed{7}", n), **COSINE).value for n in (0, 500, 983)]
    wrong = [cosine_scaled(sample("\\boxed{8}", n), **COSINE).value for n in (0, 500, 983)]
    assert right == pytest.approx([2.0, 1.5, 1.000713], abs=1e-6)
    assert wrong == pytest.approx([-10.0, -5.0, -0.007129], abs=1e-6)


@pytest.mark.parametrize(("tokens", "value"), [(983, 1.0), (984, 0.0), (1000, 0.0)])
def test_sixteen_tokens_before_the_limit_a_response_exceeds_it(tokens: int, value: float) -> None:
    response = sample("\\boxed{7}", tokens)
    score = classic(response, correct=1, wrong=0, exceed_length=0, max_length=1000)
    assert (score.value, score.correct) == (value, True)
    assert score.components["exceeds"] == float(tokens >= 984)
    assert cosine_scaled(response, **COSINE).value == pytest.approx(1.0 if value else -10, abs=1e-3)


@pytest.mark.parametrize(("tokens", "exceeds"), [(983, False), (984, True), (1000, True)])
def test_without_a_value_for_it_a_response_that_exceeds_the_limit_earns_0(
    tokens: int, exceeds: bool
) -> None:
    for right in (True, False):
        value = cosine_value(
            tokens,
            right,
            min_value_wrong=-10,
            max_value_wrong=-1,
            min_value_correct=5,
            max_value_correct=6,
            max_len=1000,
            exceed_length=None,
        )
        assert (value == 0.0) is exceeds
    assert classic_value(tokens, True, correct=2, wrong=-1, exceed_length=None, max_length=1) == 2


def test_the_penalty_is_discounted_by_itself_and_the_reward_knows_the_limit() -> None:
    spec = spec_of("+repro=demystify_long_cot", "hardware=32xA800")
    keys = emit(spec, RUN, steps=112)
    assert keys["algorithm.adv_estimator"] == "gae" and keys["algorithm.gamma"] == 1.0
    assert keys["reprise.dense_reward.gamma"] == 0.99
    assert keys["reprise.dense_reward.arguments"] == {"ngram_size": 40, "penalty": -0.05}
    assert spec.reward.arguments["max_len"] == spec.data.max_response_tokens == 14336
    plain = spec_of("+repro=demystify_long_cot_classic", "hardware=32xA800")
    assert emit(plain, RUN, steps=112)["reprise.dense_reward.function"] is None
