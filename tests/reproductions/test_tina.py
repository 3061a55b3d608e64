"""Tina: its prompts, golds and rewards, the bonus over a group, its schedules and protocol."""

import math
from pathlib import Path
from typing import Any

import pytest

from harness.cards import load_card
from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.errors import DataError
from harness.fidelity.full_size import recipe
from harness.rewards import Sample, Score, Scored
from harness.rewards.combine import weighted
from harness.verl.emit import emit
from reproductions.tina import reward
from tests.composing import spec_of

BAR = "\N{FULLWIDTH VERTICAL LINE}"
BEGIN, END = f"<{BAR}begin▁of▁sentence{BAR}>", f"<{BAR}end▁of▁sentence{BAR}>"
OPEN_RS = (
    f"{BEGIN}\nA conversation between User and Assistant. The user asks a question, and the "
    "Assistant solves it.\nThe assistant first thinks about the reasoning process in the mind and "
    "then provides the user with the answer, and put your final answer within \\boxed{{}} .\nThe "
    "reasoning process and answer are enclosed within <think> </think> and <answer> </answer> "
    "tags, respectively, \ni.e., <think> reasoning process here </think> <answer> answer here "
    "</answer>.\nNote that respond by English, NOT use other languages.\n"
    f"<{BAR}User{BAR}>What is 3 + 4?<{BAR}Assistant{BAR}>"
)
OPEN_R1 = (
    f"{BEGIN}\nYou are a helpful AI Assistant that provides well-reasoned and detailed responses.\n"
    "You first think about the reasoning process as an internal monologue and then provide the "
    "user with the answer.\nRespond in the following format: <think>\n...\n</think>\n<answer>\n"
    f"...\n</answer>\n<{BAR}User{BAR}>What is 3 + 4?<{BAR}Assistant{BAR}>"
)
ROW = dict.fromkeys(("problem", "question", "prompt"), "What is 3 + 4?") | {
    "solution": "We add, so $x=7$.",
    "answer": "7",
}
RUNS = {  # recipe -> prompt, exported step, steps that shape the learning rate, responses a prompt
    "tina": (OPEN_RS, 450, 1500, 6),
    "tina_open_rs3": (OPEN_RS, 500, 1500, 6),
    "tina_open_rs1": (OPEN_R1, 800, 5000, 4),
    "tina_still": (OPEN_R1, 2200, 7500, 4),
    "tina_deepscaler": (OPEN_R1, 1000, 11000, 4),
    "tina_limr": (OPEN_R1, 180, 360, 4),
}


def sample(response: str, gold: Any = "$7$") -> Sample:
    return Sample(prompt="", response=response, ground_truth=gold)


def scored(name: str, response: str) -> Scored:
    one = sample(response, {"answer": "7"})
    return Scored(sample=one, score=weighted(one, **recipe(name).reward.arguments))


@pytest.mark.parametrize("name", RUNS)
def test_prompts_and_schedules(name: str) -> None:
    prompt, exported, steps, group = RUNS[name]
    full = recipe(name)
    for spec in (full, spec_of(f"+repro={name}")):
        assert render(spec.data.template, columns_of(spec.data).pick(ROW, "a row")) == prompt
    keys = emit(full, Path("/run"), steps)
    assert full.schedule.export_step == exported
    assert keys["trainer.total_training_steps"] == steps
    assert keys["actor_rollout_ref.actor.optim.min_lr_ratio"] == 0.1
    assert keys["actor_rollout_ref.rollout.n"] == group
    assert keys["data.train_batch_size"] == 8
    assert keys["actor_rollout_ref.model.lora_rank"] == 32
    assert keys["actor_rollout_ref.model.lora_alpha"] == 128


def test_the_format_wants_one_closing_tag_and_nothing_else() -> None:
    for text, value in (
        ("so\n</think>\n7", 1.0),
        ("<think>so</think>7", 0.0),
        ("a\n</think>\n\n</think>\n", 0.0),
    ):
        assert reward.format(sample(text)).value == value


def test_the_sum_of_two() -> None:
    arguments = recipe("tina").reward.arguments
    good = sample(f"<think>\nso\n</think>\n$\\boxed{{7}}${END}", {"solution": "so $x=7$"})
    assert weighted(good, **arguments) == Score(
        value=3.0, correct=True, extracted="7", components={"format": 1.0, "accuracy": 1.0}
    )
    assert weighted(sample("\n</think>\n8"), **arguments).value == 1.0


def test_the_cosine_goes_up_again_behind_its_limit() -> None:
    arguments = recipe("tina_open_rs3").reward.arguments

    def total(characters: int, answer: str) -> float:
        box = f"\\boxed{{{answer}}}"
        return weighted(sample("x" * (characters - len(box)) + box + END), **arguments).value

    assert total(3584, "7") == pytest.approx(2 * 0.5)
    assert total(7168, "7") == pytest.approx(2 * 1.0)
    assert total(896, "8") == pytest.approx(2 * (-0.25 + 0.25 * math.cos(math.pi / 4)))


def test_the_length_bonus_is_added_within_a_group() -> None:
    spec = recipe("tina_still").reward
    assert spec.group == "reproductions.tina.reward:with_length"
    texts = [r"\boxed{7}" + END, r"so \boxed{7}", r"so so \boxed{8}", r"so so so \boxed{7}"]
    group = [scored("tina_still", text) for text in texts]
    rewards = reward.with_length(group, **spec.group_arguments)
    assert rewards == pytest.approx([2.5, 2 + 0.5 - 3 / 9, 0.5 - 6 / 9, 2 - 0.5])


def test_golds() -> None:
    assert reward.gold_text({"answer": "7"}) == "$7$"
    assert reward.gold_text({"solution": "so $x=7$", "answer": "8"}) == "so $x=7$"
    assert reward.unreadable({"answer": "7"}) is None
    assert "no answer" in str(reward.unreadable({"solution": "it is proven"}))
    with pytest.raises(DataError, match="neither 'solution' nor 'answer'"):
        reward.gold_text({"gold": "7"})


def test_the_protocol_is_that_of_the_claims() -> None:
    spec = recipe("tina").eval
    assert spec.prompt is not None
    benchmarks = {one.name for one in spec.benchmarks}
    claims = [claim for claim in load_card("tina").claims if claim.benchmark in benchmarks]
    assert {claim.benchmark for claim in claims} == benchmarks
    for claim in claims:
        assert (claim.temperature, claim.top_p, claim.max_tokens) == (0.6, 0.95, spec.max_tokens)
        assert (claim.template, claim.grader) == (spec.prompt.name, spec.grader)
    assert (spec.sampling.temperature, spec.sampling.top_p) == (0.6, 0.95)
    assert "$\\boxed{ANSWER}$" in spec.prompt.template
