"""GSM8K-RLVR: its rules, the prompt with two worked examples, and verl's keys."""

from pathlib import Path
from typing import Any

import pytest

from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.errors import DataError
from harness.fidelity.full_size import recipe
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.rewards.combine import weighted
from harness.verl.emit import emit
from reproductions.gsm8k_rlvr.reward import (
    code_correctness,
    code_format,
    correctness,
    unscorable,
)
from tests.composing import spec_of

PROMPT = (
    "Question: Mark has $50 and buys a toy that costs $35. How much money does he have left?\n"
    "Solution: Let's think step by step. To find out how much money Mark has left, subtract the "
    "cost of the toy from the total amount of money Mark has. So, $50 - $35 = $15.\n"
    "#### The final answer is 15\n\n"
    "Question: Emily has 3 times as many pencils as Alice. If Alice has 15 pencils, how many "
    "pencils does Emily have?\nSolution: Let's think step by step. To find out how many pencils "
    "Emily has, we multiply the number of pencils Alice has by 3. Alice has 15 pencils, so Emily "
    "has 15 * 3 = 45 pencils.\n#### The final answer is 45\n\n"
    "Question: What is 3 + 4?\nSolution: Let's think step by step. "
)


def sample(response: str, gold: Any = "7") -> Sample:
    return Sample(prompt=PROMPT, response=response, ground_truth=gold)


def test_the_prompt() -> None:
    row = {"question": "What is 3 + 4?", "problem": "What is 3 + 4?", "answer": "Add.\n#### 7"}
    for spec in (recipe("gsm8k_rlvr"), spec_of("+repro=gsm8k_rlvr")):
        assert render(spec.data.template, columns_of(spec.data).pick(row, "a row")) == PROMPT
        assert spec.data.render == "raw"


def test_the_sum_of_two() -> None:
    arguments = recipe("gsm8k_rlvr").reward.arguments
    good = sample("3 + 4 = 7.\n#### The final answer is 7\n\nQuestion:", {"answer": "Add.\n#### 7"})
    assert weighted(good, **arguments) == Score(
        value=1.5,
        correct=True,
        extracted="7",
        components={"correctness": 1.0, "format": 0.5},
    )
    assert weighted(sample("\n#### The final answer is 8"), **arguments).value == 0.5
    assert weighted(sample("#### 7"), **arguments).value == 1.0


@pytest.mark.parametrize(
    ("gold", "scorable"), [("7", True), ("-7", True), ("1.5", True), ("1,007", False), ("", False)]
)
def test_golds_that_nothing_meets_are_left_out(gold: str, scorable: bool) -> None:
    assert (unscorable({"answer": f"Add.\n#### {gold}"}) is None) is scorable


def test_a_gold_with_a_comma_is_never_met() -> None:
    assert correctness(sample("#### 1,007", "1,007")).value == 0.0


def test_a_gold_of_another_form_is_refused() -> None:
    with pytest.raises(DataError, match="'answer'"):
        correctness(sample("#### 7", {"solution": "7"}))


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("\n    return 7\n", 0.5),
        ("\n    return\n\n  7\n", 0.5),
        ("\n    return  \n", 0.5),
        ("\n    return \n", 0.0),
        ("\n    return7\n", 0.0),
        ("\n    return" + " " * 50_000, 0.0),
    ],
)
def test_the_code_format_only_looks(text: str, mark: float) -> None:
    assert code_format(sample(text)).value == mark


def test_the_code_is_computed() -> None:
    found = code_correctness(sample("    x = 3\n    return x + 4.0\n"))
    assert found == Score(value=1.0, correct=True, extracted="7.0")
    assert code_correctness(sample("    import os\n    return 7\n")) == Score(
        value=0.0, correct=False
    )


def test_fidelity() -> None:
    assert fidelity(recipe("gsm8k_rlvr")).problems() == []


def test_the_keys() -> None:
    keys = emit(recipe("gsm8k_rlvr"), Path("/run"), None)
    model, actor = "actor_rollout_ref.model", "actor_rollout_ref.actor"
    assert (keys[f"{model}.lora_rank"], keys[f"{model}.lora_alpha"]) == (16, 32)
    assert len(keys[f"{model}.target_modules"]) == 7
    assert keys[f"{actor}.optim.clip_grad"] == 0.1
    assert (keys[f"{actor}.kl_loss_coef"], keys[f"{actor}.optim.weight_decay"]) == (0.04, 0.0)
    assert keys["reprise.log_prob_temperature"] == 1.0
    spec_of("+repro=gsm8k_rlvr", "hardware=1xA100-40G")
