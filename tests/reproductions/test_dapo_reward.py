"""DAPO's rules, beyond the golden cases: what a training run feeds them."""

import pytest
import yaml

from harness.errors import ConfigError, DataError
from harness.explain import CONF_DIR
from harness.rewards import Sample, Score
from reproductions.dapo.reward import math_dapo, math_dapo_with_overlong


def sample(response: str, tokens: int | None = 10) -> Sample:
    truth = {"answer": "34"}
    return Sample(prompt="", response=response, ground_truth=truth, response_tokens=tokens)


def scored(given: Sample) -> Score:
    """The score with the arguments of conf/reward/dapo.yaml at the recipe's response limit."""
    arguments = yaml.safe_load((CONF_DIR / "reward/dapo.yaml").read_text())["arguments"]
    return math_dapo_with_overlong(given, **(arguments | {"max_resp_len": 20480}))


def test_special_tokens_are_no_part_of_the_answer() -> None:
    assert scored(sample("Answer: 34<|im_end|>")).correct
    assert scored(sample("Answer: 34<|endoftext|>")).correct
    assert not math_dapo(sample("Answer: 34<|im_end|>")).correct


def test_length_moves_the_reward_and_not_the_accuracy() -> None:
    short, long = scored(sample("Answer: 34", 100)), scored(sample("Answer: 34", 20480))
    assert (short.value, long.value) == (1.0, 0.0)
    assert short.correct and long.correct


@pytest.mark.parametrize("response", ["Answer: 34", "Answer: 3", "none", ""])
def test_components_are_always_the_same(response: str) -> None:
    assert list(scored(sample(response)).components) == ["answer", "overlong"]


def test_a_response_of_unknown_length_is_refused() -> None:
    with pytest.raises(DataError, match="response_tokens"):
        scored(sample("Answer: 34", None))


def test_two_gold_answers_are_refused() -> None:
    with pytest.raises(DataError, match="give one answer"):
        math_dapo(Sample(prompt="", response="Answer: 1", ground_truth=["1", "2"]))


def test_the_buffer_must_fit_below_the_limit() -> None:
    with pytest.raises(ConfigError, match="overlong buffer"):
        math_dapo_with_overlong(
            sample("Answer: 34"), max_resp_len=64, overlong_buffer_len=4096, penalty_factor=1.0
        )
