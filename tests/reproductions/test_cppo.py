"""CPPO: how many responses its four runs train on, how its trainers differ, its rewards' edges."""

from functools import cache
from typing import Any

import pytest

from harness.data.columns import columns_of
from harness.rewards import Sample
from harness.selection import mini_batch_responses, trained_responses
from harness.spec import RLAlgorithm, RunSpec
from reproductions.cppo import pruning
from reproductions.cppo.reward import gsm8k, last_answer, last_number, math, only_number
from tests.composing import spec_of

HARDWARE = {
    "cppo": "2xA800",
    "cppo_math": "4xA800",
    "cppo_trl_gsm": "2xA800",
    "cppo_trl_math": "4xA800",
}
ADVANTAGES = [0.5, -2.0, 1.5, -0.25]


@cache
def full(name: str) -> RunSpec:
    return spec_of(f"+repro={name}", f"hardware={HARDWARE[name]}")


def algorithm(spec: RunSpec) -> RLAlgorithm:
    assert isinstance(spec.algorithm, RLAlgorithm)
    return spec.algorithm


def both(advantages: list[float], rate: float) -> tuple[list[int], list[int]]:
    asked: dict[str, Any] = {"advantages": advantages, "pruning_rate": rate, "metric": "smallest"}
    return pruning.verl(**asked), pruning.trl(**asked)


def sample(response: str, gold: str = "34") -> Sample:
    return Sample(prompt="", response=response, ground_truth={"answer": gold})


@pytest.mark.parametrize(
    ("name", "drawn", "trained"),
    [
        ("cppo", 256, 128),
        ("cppo_math", 256, 128),
        ("cppo_trl_gsm", 32, 16),
        ("cppo_trl_math", 96, 48),
    ],
)
def test_allocation_trains_on_as_many_responses_as_without_pruning(
    name: str, drawn: int, trained: int
) -> None:
    of = algorithm(full(name))
    assert of.prompts_per_step * of.group_size == drawn
    assert trained_responses(of) == trained
    assert mini_batch_responses(of, of.mini_batch_prompts) == trained


def test_the_verl_runs_compare_a_whole_step_and_the_trl_runs_one_prompt() -> None:
    found = {name: algorithm(full(name)).pruning for name in HARDWARE}
    assert {name: p.across for name, p in found.items() if p} == {
        "cppo": "step",
        "cppo_math": "step",
        "cppo_trl_gsm": "group",
        "cppo_trl_math": "group",
    }


def test_the_trainers_agree_at_published_rates_and_round_apart_elsewhere() -> None:
    sixteen = [(-1) ** i * (i + 1) / 10 for i in range(16)]
    for rate in (0.5, 0.75, 0.875, 0.9375):
        down, up = both(sixteen, rate)
        assert down == up != []
    assert both(ADVANTAGES, 0.9) == ([], [1])


def test_the_larger_advantages_of_both_signs_stay() -> None:
    assert pruning.verl(advantages=ADVANTAGES, pruning_rate=0.5, metric="smallest") == [1, 2]
    assert pruning.verl(advantages=ADVANTAGES, pruning_rate=0.5, metric="largest") == [0, 3]


def test_the_parts_of_a_reward_are_logged() -> None:
    score = gsm8k(sample("<think>t</think>\n<answer>34.0</answer>"))
    assert score.components == {"format": 1.0, "accuracy": 1.5}
    assert (score.value, score.correct, score.extracted) == (2.5, True, "34.0")


def test_the_end_token_is_no_part_of_the_layout() -> None:
    ended = sample("<think>t</think>\n<answer>34</answer><|im_end|>")
    assert gsm8k(ended).value == 2.0
    assert gsm8k(ended, end_tokens=["<|im_end|>"]).value == 3.0
    assert full("cppo").reward.arguments["end_tokens"][0] == "<|im_end|>"


def test_numbers_are_read_as_upstream_reads_them() -> None:
    assert only_number("-3 of them") == -3.0
    assert only_number("3 of 4") is None
    assert last_number("worth -$1,234.50") == 1234.5
    assert last_number("none") is None
    assert last_answer("<answer>1</answer><answer> 2,000 </answer>") == "2000"
    assert last_answer("<answer>1</answer><answer>2") is None


def test_a_gold_without_latex_earns_everybody_the_same() -> None:
    gold = "no formula in here"
    for response in ("right", "wrong"):
        assert math(sample(response, gold)).value == 2.0
        assert math(sample(response, gold), unreadable_gold=1.0).value == 1.0
        assert not math(sample(response, gold)).correct
    assert full("cppo_trl_math").reward.arguments["unreadable_gold"] == 1.0
    assert full("cppo_math").reward.arguments["unreadable_gold"] == 2.0


def test_a_bare_gold_is_read_between_dollars() -> None:
    right, wrong = sample("$\\boxed{34}$"), sample("$\\boxed{35}$")
    assert [math(s, bare_gold=True).value for s in (right, wrong)] == [2.0, 0.0]


def test_the_gold_is_the_number_behind_the_hashes() -> None:
    row = {"question": "How many?", "answer": "10 * 100 + 34\n#### 1,034"}
    fields = columns_of(full("cppo").data).pick(row, "row 1")
    assert fields == {"problem": "How many?", "answer": "1034"}


def test_the_evaluation_asks_as_training_does() -> None:
    for name in HARDWARE:
        prompt, data = full(name).eval.prompt, full(name).data
        assert prompt and prompt.template == data.template
        assert prompt.system == data.before[0].content
        assert full(name).eval.max_tokens == data.max_response_tokens


def test_the_miniatures_keep_the_pruning() -> None:
    for name in HARDWARE:
        little, large = algorithm(spec_of(f"+repro={name}")), algorithm(full(name))
        assert little.pruning == large.pruning and little.epochs == large.epochs == 2
