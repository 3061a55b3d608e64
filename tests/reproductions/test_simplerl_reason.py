"""SimpleRL-Reason: the box rule, the prompt, and what a flags-only port would lose."""

from typing import Any

import pytest

from harness.cards import load_card
from harness.data.prompts import render
from harness.errors import DataError
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.spec import RLAlgorithm
from reproductions.simplerl_reason.reward import box
from tests.composing import spec_of

PROMPT = (
    "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{}."
    "<|im_end|>\n<|im_start|>user\nWhat is 1 + 2?<|im_end|>\n<|im_start|>assistant\n"
)


def scored(response: str, truth: Any = "3", prompt: str = PROMPT) -> Score:
    return box(Sample(prompt=prompt, response=response, ground_truth=truth))


def test_right_in_a_box() -> None:
    assert scored("\\boxed{3}", {"answer": "3"}) == Score(
        value=1.0, correct=True, extracted="3", components={"answer": 1.0, "boxed": 1.0}
    )


def test_right_without_a_box_is_right_and_earns_the_least() -> None:
    assert scored("The answer is 3.") == Score(
        value=-1.0, correct=True, extracted="3", components={"answer": 1.0, "boxed": 0.0}
    )


def test_the_prompts_own_box_does_not_count() -> None:
    assert scored("").value == -1.0
    assert scored("", prompt="box it: \\boxed{3}").value == 1.0  # no header: all is read


def test_the_gold_keeps_what_the_answer_loses() -> None:
    assert scored("\\boxed{$3}", "\\$3").value == -0.5
    assert scored("\\boxed{$3}", "3").value == 1.0


@pytest.mark.parametrize("truth", [None, ["3"], {"target": 3}])
def test_a_ground_truth_of_another_form_is_refused(truth: Any) -> None:
    with pytest.raises(DataError, match="answer"):
        scored("\\boxed{3}", truth)


@pytest.mark.parametrize("hardware", ["cpu", "8xH100"])
def test_the_prompt(hardware: str) -> None:
    data = spec_of("+repro=simplerl_reason", f"hardware={hardware}").data
    assert data.render == "raw"
    assert render(data.template, {"problem": "What is 1 + 2?"}) == PROMPT


@pytest.mark.parametrize("hardware", ["cpu", "8xH100"])
def test_what_the_script_leaves_to_its_frameworks_defaults(hardware: str) -> None:
    algorithm = spec_of("+repro=simplerl_reason", f"hardware={hardware}").algorithm
    assert isinstance(algorithm, RLAlgorithm) and algorithm.critic is not None
    assert (algorithm.lam, algorithm.dual_clip, algorithm.critic.value_clip) == (0.95, None, 0.2)
    assert (algorithm.sampling.temperature, algorithm.log_prob_temperature) == (0.6, 1.0)
    for optimizer in (algorithm.optimizer, algorithm.critic.optimizer):
        assert (optimizer.betas, optimizer.weight_decay) == ((0.9, 0.95), 0.0)
        assert (optimizer.schedule, optimizer.warmup_ratio, optimizer.min_lr_ratio) == (
            "cosine",
            0.03,
            0.1,
        )


def test_nothing_is_unexplained() -> None:
    assert fidelity(spec_of("+repro=simplerl_reason", "hardware=32xA100")).problems() == []


def test_the_claims_follow_the_protocol_of_the_recipe() -> None:
    protocol = spec_of("+repro=simplerl_reason", "hardware=8xH100").eval
    for claim in load_card("simplerl_reason").claims:
        assert claim.benchmark in [benchmark.name for benchmark in protocol.benchmarks]
        assert (claim.max_tokens, claim.grader) == (protocol.max_tokens, protocol.grader)
