"""Short-RL: its bonuses by hand, the gate and what it keeps, the prompts and verl's keys."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.fidelity.full_size import recipe
from harness.rewards import Batch, Sample, Score, Scored
from harness.spec import RLAlgorithm, RunSpec
from harness.verl.emit import emit
from reproductions.short_rl.reward import bonuses, math, short_as_in_kimi, short_while_accurate
from tests.composing import spec_of

PROMPT = "Answer in <answer> tags.\nUser:What is 6 * 7?\nAssistant: <think>"


def scored(tokens: int, value: float) -> Scored:
    sample = Sample(prompt="", response="", ground_truth=None, response_tokens=tokens)
    return Scored(sample=sample, score=Score(value=value, correct=value > 0))


def group(*members: tuple[int, float]) -> list[Scored]:
    return [scored(tokens, value) for tokens, value in members]


def step(state: dict[str, Any], *groups: list[Scored]) -> list[list[float]]:
    batch = Batch(groups=groups, step=1, state=state)
    return short_while_accurate(batch, acc_tolerance=0.05, length_tolerance=200)


def test_the_bonus_is_of_right_responses_by_their_own_lengths() -> None:
    members = group((100, -0.5), (500, 3.0), (700, 3.0), (701, 3.0), (1500, 3.0))
    expected = [0.0, 0.5, 0.5, 0.5 - 201 / 1000, -0.5]
    assert bonuses(members, 200) == pytest.approx(expected, abs=1e-6)


def test_the_gate_opens_near_the_best_and_keeps_it() -> None:
    state: dict[str, Any] = {}
    half = group((500, 3.0), (500, -0.5))
    assert step(state, half) == [[3.5, -0.5]]
    assert state == {"best_accuracy": 0.5}
    assert step(state, group((500, 3.0)), half) == [[3.5], [3.5, -0.5]]  # 2 of 3, a higher best
    assert step(state, half) == [[3.0, -0.5]]
    assert state == {"best_accuracy": pytest.approx(2 / 3)}
    assert step({"best_accuracy": 0.54}, half) == [[3.5, -0.5]]
    assert step({"best_accuracy": 0.56}, half) == [[3.0, -0.5]]


def test_the_state_survives_a_checkpoint() -> None:
    state: dict[str, Any] = {}
    step(state, group((500, 3.0)))
    resumed = json.loads(json.dumps(state))
    half = group((500, 3.0), (500, -0.5))
    assert step(resumed, half) == step(state, half) == [[3.0, -0.5]]


def test_a_step_without_a_right_response() -> None:
    state: dict[str, Any] = {}
    assert step(state, group((9, -0.5), (90, -3.0))) == [[-0.5, -3.0]]
    assert state == {"best_accuracy": 0.0}


def test_the_baseline_compares_all_lengths_and_never_rewards_a_wrong_one() -> None:
    members = group((100, 3.0), (200, -0.5), (300, -1.0), (200, 3.0))
    assert short_as_in_kimi(members) == pytest.approx([3.5, -0.5, -1.5, 3.0], abs=1e-6)
    assert short_as_in_kimi(group((100, 3.0), (100, -1.0))) == [3.5, -1.0]


@pytest.mark.parametrize(
    ("response", "gold", "value"),
    [
        (" so </think> <answer>42</answer>", "42", 3.0),
        (r" so </think> <answer>\boxed{42}</answer>", "42", 3.0),
        (" so </think> <answer>it is 42</answer>", "42", -0.5),
        (" so </think> <answer></answer>", "42", -0.5),
        (" so <answer>42</answer>", "42", -3.0),
        (" so </think> <answer>42</answer>", {"answer": ["41", "42"]}, 3.0),
        (" so </think> <answer>42</answer>", r"\boxed42", -3.0),
    ],
)
def test_marks_in_mathematics(response: str, gold: Any, value: float) -> None:
    score = math(Sample(prompt=PROMPT, response=response, ground_truth=gold))
    assert (score.value, score.correct) == (value, value > 0)
    assert sum(score.components.values()) == value


def of_rl(spec: RunSpec) -> RLAlgorithm:
    assert isinstance(spec.algorithm, RLAlgorithm)
    return spec.algorithm


def test_the_prompt_for_mathematics() -> None:
    spec = recipe("short_rl_math")
    row = {"problem": "What is 6 * 7?", "answer": "42"}
    small = spec_of("+repro=short_rl_math").data
    text = render(small.template, columns_of(small).pick(row, "a row"))
    assert text.startswith("The user asks a question, and the Assistant solves it.The assistant")
    assert text.endswith("</answer>. \n\nUser:What is 6 * 7?\nAssistant: <think>")
    assert spec.data.template == small.template == spec.eval.prompt.template  # type: ignore[union-attr]


def test_one_update_a_step_stands_for_the_divided_loss() -> None:
    for name in ("short_rl", "short_rl_kimi", "short_rl_math"):
        algorithm = of_rl(recipe(name))
        assert algorithm.mini_batch_prompts == algorithm.prompts_per_step
        assert algorithm.optimizer.grad_clip == 4.0


def test_the_keys_of_the_three_runs() -> None:
    logic, kimi, mathematics = (
        emit(recipe(name), Path("/run"), None)
        for name in ("short_rl", "short_rl_kimi", "short_rl_math")
    )
    ours = "reproductions.short_rl.reward"
    assert logic["reprise.batch_reward"] == f"{ours}:short_while_accurate"
    assert logic["reprise.batch_reward_arguments"] == {
        "acc_tolerance": 0.05, "length_tolerance": 200,
    }  # fmt: skip
    assert mathematics["reprise.batch_reward_arguments"]["length_tolerance"] == 100
    assert (kimi["reprise.batch_reward"], kimi["reprise.group_reward"]) == (
        None, f"{ours}:short_as_in_kimi",
    )  # fmt: skip
    estimators = [keys["algorithm.adv_estimator"] for keys in (logic, kimi, mathematics)]
    assert estimators == ["reinforce_plus_plus", "reinforce_plus_plus", "grpo"]
