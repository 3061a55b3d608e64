"""ThinkPrune: the limit shrinks in the prompt and in what is generated, and the last number of a
text is no answer."""

import pytest

from harness.chain import legs
from harness.rewards import Sample
from reproductions.thinkprune.reward import math
from tests.composing import spec_of


@pytest.mark.parametrize("hardware", ["cpu", "8xA100"])
def test_prompt_and_limit_shrink_together(hardware: str) -> None:
    first, second = (
        leg.spec.data for leg in legs(spec_of("+repro=thinkprune", f"hardware={hardware}"))
    )
    for data, tokens in ((first, 4000), (second, 3000)):
        (turn,) = data.before
        assert turn.role == "system"
        assert turn.content.endswith(
            f" The output of the assistant should be within {tokens} tokens."
        )
    begins = [data.before[0].content.rpartition("within")[0] for data in (first, second)]
    assert begins[0] == begins[1]
    assert first.max_response_tokens > second.max_response_tokens
    if hardware != "cpu":
        assert (first.max_response_tokens, second.max_response_tokens) == (4000, 3000)


def test_the_second_stage_starts_from_step_180() -> None:
    first, second = (leg.spec for leg in legs(spec_of("+repro=thinkprune", "hardware=8xA100")))
    assert first.schedule.export_step == first.schedule.steps == 180
    assert second.starts_from == "4k" and second.schedule.steps is None


@pytest.mark.parametrize(
    ("response", "value"),
    [
        ("Then \\boxed{12}", 1.0),
        ("Then 12", 0.0),
        ("The answer is 12", 1.0),
        ("\\boxed{12} or \\boxed{13}", 0.0),
        ("", 0.0),
    ],
)
def test_an_answer_has_to_be_stated(response: str, value: float) -> None:
    found = math(Sample(prompt="", response=response, ground_truth={"answer": "12"}))
    assert (found.value, found.correct) == (value, bool(value))


def test_length_does_not_enter_the_reward() -> None:
    short, long = (
        Sample(prompt="", response="\\boxed{1}", ground_truth="1", response_tokens=n, truncated=cut)
        for n, cut in ((3, False), (4000, True))
    )
    assert math(short) == math(long)
