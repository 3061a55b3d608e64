r"""DeepScaleR's rule, beyond the golden cases: what a training run feeds it."""

import pytest

from harness.rewards import Sample
from reproductions.deepscaler.reward import after_thinking, math


def test_the_prompt_may_open_the_thinking_part() -> None:
    response = "by hand\n</think>\n\\boxed{5}<|end_of_sentence|>"
    assert math(Sample(prompt="<think>\n", response=response, ground_truth={"answer": "5"})).correct
    score = math(Sample(prompt="", response=response, ground_truth={"answer": "5"}))
    assert not score.correct and score.value == 0.0


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("<think>a</think>b", "b"),
        ("<think>a</think>b</think>c", "b"),
        ("a</think>b<think>", "b<think>"),
        ("a</think>b", None),
        ("<think>a", None),
    ],
)
def test_the_part_that_counts(text: str, part: str | None) -> None:
    assert after_thinking(text) == part


@pytest.mark.parametrize("response", ["<think></think>\\boxed{5}", "<think>", "", "\\boxed{5}"])
def test_components_are_always_the_same(response: str) -> None:
    score = math(Sample(prompt="", response=response, ground_truth={"answer": "5"}))
    assert list(score.components) == ["thinking", "box", "answer"]


def test_a_costly_answer_ends() -> None:
    response = "<think></think>\\boxed{9^{9^{9^{9}}}}"
    assert not math(Sample(prompt="", response=response, ground_truth="1")).correct
