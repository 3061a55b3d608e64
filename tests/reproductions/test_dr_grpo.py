"""Dr. GRPO: its rewards, its two frames, and the algorithm as an option of any recipe."""

from pathlib import Path
from typing import Any

import pytest

from harness.compose import in_miniature
from harness.data.prompts import render
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.spec import RLAlgorithm, RunSpec
from harness.verl.emit import emit
from reproductions.dr_grpo.reward import answer_tags, answer_tags_fast, boxed, boxed_fast
from tests.composing import spec_of

QWEN_MATH = (
    "<|im_start|>system\n"
    "Please reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n"
    "<|im_start|>user\n"
    "What is $\\frac{1}{2}$ of {4}?<|im_end|>\n"
    "<|im_start|>assistant\n"
)
R1 = (
    "A conversation between User and Assistant. The User asks a question, and the Assistant solves "
    "it. The Assistant first thinks about the reasoning process in the mind and then provides the "
    "User with the answer. The reasoning process is enclosed within <think> </think> and answer is "
    "enclosed within <answer> </answer> tags, respectively, i.e., <think> reasoning process here "
    "</think> <answer> answer here </answer>.\n"
    "User: What is $\\frac{1}{2}$ of {4}?\n"
    "Assistant: <think>"
)


def run_of(name: str, hardware: str = "8xA100") -> RunSpec:
    return spec_of(f"+repro={name}", f"hardware={hardware}")


def sample(response: str, truth: Any = "12", truncated: bool = False) -> Sample:
    return Sample(prompt="", response=response, ground_truth=truth, truncated=truncated)


@pytest.mark.parametrize("hardware", ["cpu", "8xA100"])
@pytest.mark.parametrize(("name", "frame"), [("dr_grpo", QWEN_MATH), ("dr_grpo_r1", R1)])
def test_the_prompt(name: str, frame: str, hardware: str) -> None:
    data = run_of(name, hardware).data
    shown = render(data.template, {"problem": "What is $\\frac{1}{2}$ of {4}?"})
    assert (data.render, shown) == ("raw", frame)


def test_the_evaluation_shows_problems_as_training_does() -> None:
    run = run_of("dr_grpo_r1")
    assert run.eval.prompt is not None
    shown = run.eval.prompt.template.replace("{problem}", "What is $\\frac{1}{2}$ of {4}?")
    assert (run.eval.prompt.render, shown) == ("raw", R1)
    assert run.eval.stop == ["</answer>"]


def test_only_the_r1_frame_stops_at_a_text() -> None:
    for name, stop in (("dr_grpo", []), ("dr_grpo_r1", ["</answer>"])):
        algorithm = run_of(name).algorithm
        assert isinstance(algorithm, RLAlgorithm)
        assert (algorithm.sampling.stop, algorithm.sampling.stop_token_ids) == (stop, [])


def test_a_right_box() -> None:
    assert boxed(sample("so \\boxed{12}", {"answer": "12"})) == Score(
        value=1.0,
        correct=True,
        extracted="12",
        components={"format": 1.0, "answer": 1.0, "finished": 1.0},
    )


@pytest.mark.parametrize("rule", [boxed, boxed_fast, answer_tags, answer_tags_fast])
def test_a_truncated_response_earns_nothing(rule: Any) -> None:
    response = "so </think> <answer>\\boxed{12}</answer>"
    assert rule(sample(response)).value == 1.0
    cut = rule(sample(response, truncated=True))
    assert (cut.value, cut.correct, cut.components["answer"]) == (0.0, False, 1.0)


@pytest.mark.parametrize("rule", [boxed, boxed_fast, answer_tags, answer_tags_fast])
def test_components_are_always_the_same(rule: Any) -> None:
    assert set(rule(sample("no idea")).components) == {"format", "answer", "finished"}


def test_math_verify_has_a_say_unless_fast() -> None:
    response = sample("\\boxed{\\{2,1\\}}", "\\{1,2\\}")
    assert (boxed(response).value, boxed_fast(response).value) == (1.0, 0.0)


@pytest.mark.parametrize("between", ["", "\n", "  ", " so "])
def test_thought_and_answer_are_one_space_apart(between: str) -> None:
    assert answer_tags(sample(f"</think>{between}<answer>12</answer>")).value == 0.0
    assert answer_tags(sample("</think> <answer>12</answer>")).value == 1.0


def test_any_of_several_golds_counts() -> None:
    assert boxed(sample("\\boxed{12}", ["11", 12])).value == 1.0


def test_the_divisor_is_the_response_limit() -> None:
    keys = emit(run_of("dr_grpo"), Path("/run"), None)
    assert keys["actor_rollout_ref.actor.loss_agg_mode"] == "seq-mean-token-sum-norm"
    assert keys["actor_rollout_ref.actor.loss_scale_factor"] == 3000
    assert keys["algorithm.norm_adv_by_std_in_grpo"] is False
    assert keys["actor_rollout_ref.actor.use_kl_loss"] is False


def test_any_recipe_can_take_the_algorithm() -> None:
    run = spec_of("+repro=tinyzero", "algorithm=dr_grpo", "hardware=4xA800")
    keys = emit(run, Path("/run"), None)
    assert keys["actor_rollout_ref.actor.loss_scale_factor"] == run.data.max_response_tokens
    assert in_miniature(["algorithm=dr_grpo"]) == ["algorithm=miniature/dr_grpo"]


@pytest.mark.parametrize("name", ["dr_grpo", "dr_grpo_r1"])
def test_nothing_is_unexplained(name: str) -> None:
    assert fidelity(run_of(name)).problems() == []
