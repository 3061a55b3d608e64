"""grpo_demo: its five rewards in both readings, the conversation, and verl's keys."""

import re
from pathlib import Path
from typing import Any

import pytest

from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.errors import DataError
from harness.fidelity.full_size import recipe
from harness.rewards import Sample, Score
from harness.rewards.combine import weighted
from harness.verl.emit import emit
from reproductions.grpo_demo import reward
from tests.composing import spec_of

LAYOUT = "<reasoning>\n{}\n</reasoning>\n<answer>\n{}\n</answer>\n"
SYSTEM = (
    "\nRespond in the following format:\n<reasoning>\n...\n</reasoning>\n<answer>\n...\n</answer>\n"
)
SOFT = r"<reasoning>.*?</reasoning>\s*<answer>.*?</answer>"
STRICT = r"^<reasoning>\n.*?\n</reasoning>\n<answer>\n.*?\n</answer>\n$"
TEXTS = [
    LAYOUT.format("so", "7"),
    LAYOUT.format("so\nso", "7") + "\n",
    LAYOUT.format("so\n</reasoning>\n<answer>\n8", "7"),
    LAYOUT.format("so", "7\n</answer>\n\n</answer>"),
    "<reasoning>\n\n</reasoning>\n<answer>\n\n</answer>\n",
    "<reasoning>\n</reasoning>\n<answer>\n</answer>\n",
    "<reasoning>\na\n</reasoning>\n<answer>\n</answer>\n",
    "<reasoning>a</reasoning>\n\n <answer>7</answer>",
    "<reasoning>a</reasoning><answer>\n7</answer>",
    "<reasoning>a\n</reasoning><answer>7</answer>",
    "<reasoning>a</reasoning><answer></reasoning><answer>7</answer>",
    "<reasoning>a</reasoning><answer>\n</reasoning><answer>7</answer>",
    "<reasoning>a</reasoning> b <answer>7</answer>",
    "<reasoning>a</reasoning><answer>7",
    "",
]


def sample(response: str, gold: Any = "7") -> Sample:
    return Sample(prompt="", response=response, ground_truth=gold)


def test_the_conversation() -> None:
    row = {"question": "What is 3 + 4?", "problem": "What is 3 + 4?", "answer": "Add.\n#### 7"}
    for spec in (recipe("grpo_demo"), spec_of("+repro=grpo_demo"), recipe("unsloth_grpo")):
        data = spec.data
        assert render(data.template, columns_of(data).pick(row, "a row")) == "What is 3 + 4?"
        assert [(turn.role, turn.content) for turn in data.before] == [("system", SYSTEM)]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("across", [False, True])
def test_formats_are_the_regular_expressions(text: str, across: bool) -> None:
    flags = re.DOTALL if across else 0
    soft = reward.soft_format(sample(text), across_lines=across).value
    strict = reward.strict_format(sample(text), across_lines=across).value
    assert soft == 0.5 * (re.match(SOFT, text, flags) is not None)
    assert strict == 0.5 * (re.match(STRICT, text, flags) is not None)


def test_formats_take_linear_time() -> None:
    for text in (
        "<reasoning>" * 20_000,
        "<reasoning>" + "</reasoning><answer>" * 20_000,
        "<reasoning>\n" + "\n</reasoning>\n<answer>\n" * 20_000,
    ):
        for across in (False, True):
            assert reward.soft_format(sample(text), across_lines=across).value == 0.0
            assert reward.strict_format(sample(text), across_lines=across).value == 0.0


def test_what_stands_behind_the_answer_costs_twice() -> None:
    whole = LAYOUT.format("so", "7")
    assert reward.xmlcount(sample(whole)).value == 0.5
    assert reward.xmlcount(sample(whole + "x" * 100)).value == pytest.approx(0.5 - 0.2)
    open_end = whole.removesuffix("\n")
    assert reward.xmlcount(sample(open_end)).value == pytest.approx(
        0.5 - 0.001 * len(open_end) + 0.001
    )
    assert reward.xmlcount(sample(whole + "x" * 10_000)).value < -19


def test_the_sum_of_five() -> None:
    good = sample(LAYOUT.format("3 + 4\nis 7", "1007") + "<|im_end|>", {"answer": "so #### 1,007"})
    parts = {"xmlcount": 0.5, "soft_format": 0.5, "strict_format": 0.5, "int": 0.5}
    assert weighted(good, **recipe("grpo_demo").reward.arguments) == Score(
        value=4.0, correct=True, extracted="1007", components=parts | {"correctness": 2.0}
    )
    parts |= {"soft_format": 0.0, "strict_format": 0.0}
    assert weighted(good, **recipe("unsloth_grpo").reward.arguments) == Score(
        value=1.0, correct=False, extracted="1007", components=parts | {"correctness": 0.0}
    )


def test_the_gold() -> None:
    assert reward.gold_text({"answer": "Add.\n#### 1,007"}) == "1,007"
    assert reward.gold_text("7") == "7"
    with pytest.raises(DataError, match="no field 'answer'"):
        reward.gold_text({"solution": "7"})
    for gold, answer, right in (("$1,007", "1007", True), ("1,007", "1,007", False)):
        given = reward.correctness(sample(f"<answer>{answer}</answer>", gold), plain_gold=True)
        assert given.correct is right


def test_the_keys_of_verl() -> None:
    keys = emit(recipe("grpo_demo"), Path("/run"), 1868)
    wanted = {
        "data.train_batch_size": 4,
        "actor_rollout_ref.rollout.n": 16,
        "actor_rollout_ref.rollout.temperature": 0.9,
        "actor_rollout_ref.actor.optim.betas": [0.9, 0.99],
        "actor_rollout_ref.actor.optim.weight_decay": 0.1,
        "actor_rollout_ref.actor.optim.clip_grad": 0.1,
        "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": 0.1,
        "actor_rollout_ref.actor.kl_loss_coef": 0.04,
        "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
    }
    assert {key: keys[key] for key in wanted} == wanted
    assert not keys.get("actor_rollout_ref.model.lora_rank")
