"""SimpleRL-Zoo: the two reward modes, the prompt, and the translation to verl's keys."""

from pathlib import Path
from typing import Any

import pytest

from harness.cards import load_card
from harness.data.columns import columns_of
from harness.data.prompts import render
from harness.errors import DataError
from harness.fidelity.run import fidelity
from harness.rewards import Sample, Score
from harness.verl.emit import NO_DUAL_CLIP, RAW_CHAT_TEMPLATE, emit
from reproductions.simplerl_zoo.reward import BOX, independent, mix
from tests.composing import spec_of

PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nWhat is 1 + 2?\n"
    "Please reason step by step, and put your final answer within \\boxed{}."
    "<|im_end|>\n<|im_start|>assistant\n"
)


def sample(response: str, truth: Any = "3") -> Sample:
    return Sample(prompt=PROMPT, response=response, ground_truth=truth)


def test_mix_ignores_the_box() -> None:
    assert mix(sample("The answer is 3.", {"answer": "3"})) == Score(
        value=1.0, correct=True, extracted="3", components={"answer": 1.0, "boxed": 0.0}
    )
    assert mix(sample("\\boxed{4}")).value == 0.0


def test_independent_has_four_values() -> None:
    responses = ["\\boxed{3}", "3", "\\boxed{4}", "4"]
    assert [independent(sample(text)).value for text in responses] == [1.0, 0.5, -0.5, -1.0]
    assert independent(sample("4"), no_box_penalty=-0.3).value == -0.3


@pytest.mark.parametrize("mode", [mix, independent])
@pytest.mark.parametrize("truth", [None, ["3"], {"target": 3}])
def test_a_ground_truth_of_another_form_is_refused(mode: Any, truth: Any) -> None:
    with pytest.raises(DataError, match="answer"):
        mode(sample("\\boxed{3}", truth))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\\boxed{}", True),
        ("\\boxed{a{b{c}}d}", True),
        ("\\boxed{a{b{c{d}}}}", False),
        ("\\boxed{a", False),
        ("\\boxed{a \\boxed{b}", True),
        ("boxed{a}", False),
    ],
)
def test_a_box_is_closed_and_not_nested_too_deep(text: str, found: bool) -> None:
    assert (BOX.search(text) is not None) == found


@pytest.mark.parametrize("hardware", ["cpu", "8xH100"])
def test_the_prompt(hardware: str) -> None:
    data = spec_of("+repro=simplerl_zoo", f"hardware={hardware}").data
    assert (data.render, data.max_prompt_characters) == ("raw", 1024)
    assert render(data.template, {"problem": "What is 1 + 2?"}) == PROMPT


def test_the_evaluation_shows_problems_as_training_does() -> None:
    spec = spec_of("+repro=simplerl_zoo", "hardware=8xH100")
    assert spec.eval.prompt is not None and spec.eval.prompt.render == "raw"
    assert spec.eval.prompt.template.replace("{problem}", "What is 1 + 2?") == PROMPT


def test_the_translation_to_verl() -> None:
    keys = emit(spec_of("+repro=simplerl_zoo", "hardware=8xH100"), Path("/run"), None)
    wanted = {
        "algorithm.adv_estimator": "grpo",
        "algorithm.norm_adv_by_std_in_grpo": True,
        "algorithm.use_kl_in_reward": False,
        "data.train_batch_size": 1024,
        "data.max_prompt_length": 1024,
        "data.max_response_length": 8192,
        "data.shuffle": True,
        "data.seed": 1,
        "actor_rollout_ref.model.path": "Qwen/Qwen2.5-7B",
        "actor_rollout_ref.model.custom_chat_template": RAW_CHAT_TEMPLATE,
        "actor_rollout_ref.actor.ppo_mini_batch_size": 256,
        "actor_rollout_ref.actor.ppo_epochs": 1,
        "actor_rollout_ref.actor.shuffle": False,
        "actor_rollout_ref.actor.clip_ratio_low": 0.2,
        "actor_rollout_ref.actor.clip_ratio_high": 0.2,
        "actor_rollout_ref.actor.clip_ratio_c": NO_DUAL_CLIP,
        "actor_rollout_ref.actor.loss_agg_mode": "token-mean",
        "actor_rollout_ref.actor.entropy_coeff": 0.001,
        "actor_rollout_ref.actor.use_kl_loss": True,
        "actor_rollout_ref.actor.kl_loss_coef": 0.0001,
        "actor_rollout_ref.actor.optim.lr": 5e-7,
        "actor_rollout_ref.actor.optim.weight_decay": 0.01,
        "actor_rollout_ref.actor.optim.betas": [0.9, 0.999],
        "actor_rollout_ref.actor.optim.clip_grad": 1.0,
        "actor_rollout_ref.actor.optim.lr_scheduler_type": "constant",
        "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio": 0.0,
        "actor_rollout_ref.rollout.n": 8,
        "actor_rollout_ref.rollout.temperature": 1.0,
        "actor_rollout_ref.rollout.top_p": 1.0,
        "actor_rollout_ref.rollout.top_k": -1,
        "actor_rollout_ref.rollout.val_kwargs.temperature": 0.0,
        "actor_rollout_ref.rollout.val_kwargs.n": 1,
        "trainer.total_epochs": 20,
        "trainer.test_freq": 5,
        "trainer.val_before_train": True,
        "reprise.stop_token_ids": [151645, 151643, 872, 77091, 1474, 71703, 151644, 8948],
        "reprise.mask_truncated": False,
    }
    assert {key: keys.get(key) for key in wanted} == wanted
    assert keys["actor_rollout_ref.actor.kl_loss_type"] in ("k3", "low_var_kl")


def test_nothing_is_unexplained() -> None:
    assert fidelity(spec_of("+repro=simplerl_zoo", "hardware=16xH100")).problems() == []


def test_the_claims_follow_the_protocol_of_the_recipe() -> None:
    protocol = spec_of("+repro=simplerl_zoo", "hardware=8xH100").eval
    for claim in load_card("simplerl_zoo").claims:
        assert claim.benchmark in [benchmark.name for benchmark in protocol.benchmarks]
        assert (claim.max_tokens, claim.grader) == (protocol.max_tokens, protocol.grader)
        assert (claim.temperature, claim.top_p) == (1.0, 0.95)


def test_the_prompt_of_the_data_set_can_be_read_instead() -> None:
    data = spec_of(
        "+repro=simplerl_zoo",
        "hardware=8xH100",
        "data.columns={problem: prompt.0.content, answer: gt_answer}",
        'data.template="{problem}"',
    ).data
    row = {"prompt": [{"role": "user", "content": PROMPT}], "gt_answer": "3"}
    assert render(data.template, columns_of(data).pick(row, "row 1")) == PROMPT
