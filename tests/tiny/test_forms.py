"""Every form earns its recipe's full reward, and the shipped base that was taught them answers in
them, rightly some of the time; nothing is trained here."""

import re
from functools import cache

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2ForCausalLM, Qwen2Tokenizer

from harness.conformance import find_scorer
from harness.data.budgets import budget_fields
from harness.data.columns import columns_of
from harness.explain import options
from harness.rewards import Sample, Score
from harness.spec import RLAlgorithm, RunSpec
from harness.tiny.build_forms import FORMS, OUT, accuracy
from harness.tiny.forms import Form, load_forms
from harness.tiny.learning import replies
from harness.tiny.worked import Worked
from tests.composing import spec_of

END = "<|im_end|>"
FULL = {
    "cppo": 3.0,
    "cppo_math": 3.0,
    "cppo_trl_gsm": 3.0,
    "cppo_trl_math": 3.0,
    "demystify_long_cot": 2.0,
    "grpo_demo": 4.0,
    "gsm8k_rlvr": 1.5,
    "logic_rl": 3.0,
    "logic_rl_curriculum": 3.0,
    "mini_r1": 2.0,
    "open_r1": 3.0,
    "short_rl": 3.0,
    "short_rl_kimi": 3.0,
    "short_rl_math": 3.0,
    "tina": 3.0,
    "tina_deepscaler": 3.0,
    "tina_limr": 3.0,
    "tina_open_rs1": 3.0,
    "tina_open_rs3": 3.0,
    "tina_still": 2.0,
    "trpa": 3.0,
    "unsloth_grpo": 3.5,
    "unsloth_grpo_february_2025": 3.5,
}
"""The most that a recipe's reward gives; 1 for the others."""
BLIND = {"spurious_rewards_format", "spurious_rewards_python"}
"""Recipes whose reward does not look at the answer."""


@cache
def form(name: str) -> Form:
    return next(form for form in FORM_LIST if form.name == name)


@cache
def small(recipe: str) -> RunSpec:
    return spec_of(f"+repro={recipe}")


FORM_LIST = load_forms(FORMS)
RECIPES = [name for name in options("repro") if small(name).model.path == "harness/tiny/forms"]


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    return AutoTokenizer.from_pretrained(OUT)


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    return AutoModelForCausalLM.from_pretrained(OUT)


def test_every_form_is_some_recipes_and_every_recipe_has_one() -> None:
    assert {small(name).data.name for name in RECIPES} == {form.name for form in FORM_LIST}


def score(recipe: str, tokenizer: Qwen2Tokenizer, worked: Worked, row: dict[str, object]) -> Score:
    """The reward of a way to solve a problem, in the recipe's form and the length it asks for."""
    spec = small(recipe)
    taught = form(spec.data.name)
    fields = columns_of(spec.data).pick(row, recipe) | budget_fields(spec.data, "train", 0)
    response = taught.response(worked) + END
    sample = Sample(
        prompt=taught.prompt(tokenizer, row),
        response=response,
        ground_truth={name: fields[name] for name in spec.data.ground_truth},
        response_tokens=fields.get("budget", 1),
    )
    found = find_scorer(spec.reward.function)(sample, **spec.reward.arguments)
    assert isinstance(found, Score)
    return found


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name not in BLIND])
def test_a_right_response_earns_all_and_a_wrong_one_less(
    recipe: str, tokenizer: Qwen2Tokenizer
) -> None:
    taught = form(small(recipe).data.name)
    (row,) = taught.rows(1, seed=3, split="test")
    ways = taught.ways(row)
    for worked in ways.right:
        found = score(recipe, tokenizer, worked, row)
        assert found.correct and found.value == pytest.approx(FULL.get(recipe, 1.0), abs=1e-3)
    for worked in ways.wrong:
        found = score(recipe, tokenizer, worked, row)
        assert found.value < FULL.get(recipe, 1.0) and not found.correct


@pytest.mark.parametrize("recipe", RECIPES)
def test_prompts_and_responses_fit_the_limits(recipe: str, tokenizer: Qwen2Tokenizer) -> None:
    spec = small(recipe)
    taught = form(spec.data.name)
    for split in ("train", "test"):
        for row in taught.rows(16, seed=42, split=split):
            tokens = len(tokenizer.encode(taught.prompt(tokenizer, row)))
            assert tokens <= spec.data.max_prompt_tokens
            for worked in taught.ways(row).right:
                tokens = len(tokenizer.encode(taught.response(worked) + END))
                assert tokens <= spec.data.max_response_tokens


def test_the_stop_tokens_have_the_numbers_of_this_vocabulary(tokenizer: Qwen2Tokenizer) -> None:
    def numbers(recipe: str) -> list[int]:
        algorithm = small(recipe).algorithm
        assert isinstance(algorithm, RLAlgorithm)
        return list(algorithm.sampling.stop_token_ids)

    ends = [END, "<|endoftext|>"]
    assert tokenizer.convert_ids_to_tokens(numbers("simplerl_reason")) == ends
    roles = ["user\n", "assistant\n", "<|im_start|>"]
    assert tokenizer.convert_ids_to_tokens(numbers("simplerl_zoo")) == [*ends, *roles]


def test_the_folder_is_small_enough_to_ship(model: Qwen2ForCausalLM) -> None:
    assert sum(path.stat().st_size for path in OUT.iterdir()) <= 4e6
    assert 0.5e6 <= model.num_parameters() <= 1e6
    assert model.config.max_position_embeddings == 8192


@pytest.mark.parametrize("taught", FORM_LIST, ids=lambda taught: taught.name)
def test_the_base_answers_in_the_form(
    taught: Form, model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer
) -> None:
    prompts = [taught.prompt(tokenizer, row) for row in taught.rows(2, seed=5, split="train")]
    said = replies(model, tokenizer, prompts)
    pattern = re.escape(taught.text).replace(r"\{work\}", "(?s:.*)")
    pattern = pattern.replace(r"\{answer\}", "(?s:.+)")
    assert any(re.fullmatch(pattern, reply) for reply in said)


@pytest.mark.slow
@pytest.mark.parametrize("taught", FORM_LIST, ids=lambda taught: taught.name)
def test_the_base_is_right_sometimes_and_wrong_sometimes(
    taught: Form, model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer
) -> None:
    torch.manual_seed(0)
    found = accuracy(taught, model, tokenizer, "train", problems=32, samples=8, seed=7)
    # Puzzles are guessed, and the people in them often mistaken for others.
    assert (0.01 if taught.generator == "knights_and_knaves" else 0.2) < found < 0.95
