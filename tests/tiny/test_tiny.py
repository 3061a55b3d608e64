"""The shipped tiny base loads, encodes any text, and stays small; nothing is trained here."""

import random

import pytest
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
)

from harness.tiny.build import OUT, accuracy
from harness.tiny.traces import candidates, prompt, response
from tests.composing import spec_of

PROBLEM = {"numbers": [3, 7, 12], "target": 8}


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    return AutoTokenizer.from_pretrained(OUT)


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    return AutoModelForCausalLM.from_pretrained(OUT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "plain text, 12345 and 6.7\n\n\ttabs",
        "naïve café „Anführung“ Ω≠∞",
        "你好世界 🌍👩‍🔬 العربية",
        "\x00\x7f\r\n",
        prompt([1, 20, 300], 4567),
    ],
)
def test_any_text_round_trips(tokenizer: Qwen2Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens_and_chat_template(tokenizer: Qwen2Tokenizer) -> None:
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|endoftext|>"
    assert tokenizer.eos_token_id != tokenizer.pad_token_id
    chat = [{"role": "user", "content": "Hi"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_prompt_and_response_are_short(tokenizer: Qwen2Tokenizer) -> None:
    assert len(tokenizer.encode(prompt(**PROBLEM))) <= 20
    assert len(tokenizer.encode(prompt(**PROBLEM, chat=True))) <= 30
    assert len(tokenizer.encode(response(**PROBLEM, rng=random.Random(0)))) < 48


def test_model_is_small_and_agrees_with_the_tokenizer(
    model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer
) -> None:
    assert model.config.model_type == "qwen2"
    assert 0.5e6 <= model.num_parameters() <= 2e6
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.max_position_embeddings >= 1024
    assert model.config.tie_word_embeddings
    for config in (model.config, model.generation_config):
        assert config.eos_token_id == tokenizer.eos_token_id
        assert config.pad_token_id == tokenizer.pad_token_id


def test_folder_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in OUT.iterdir()) <= 6e6


def test_candidates_compute_to_their_values() -> None:
    rng = random.Random(0)
    for _ in range(200):
        numbers = [rng.randint(1, 20) for _ in range(3)]
        for expression, value in candidates(numbers):
            assert eval(expression) == value >= 0


@pytest.mark.slow
def test_the_base_is_right_sometimes_and_wrong_sometimes(
    model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer
) -> None:
    rng = random.Random(1)
    problems = []
    for _ in range(64):
        numbers = [rng.randint(1, 20) for _ in range(3)]
        target = rng.choice([value for _, value in candidates(numbers) if value > 0])
        problems.append({"numbers": numbers, "target": target})
    assert 0.1 < accuracy(model, tokenizer, problems, samples=2) < 0.8


def test_the_base_was_taught_the_prompt_that_runs_use() -> None:
    data = spec_of("+repro=tinyzero").data
    assert data.template.format(numbers=[3, 7, 12], target=22) == prompt([3, 7, 12], 22)
    chat = spec_of("data=countdown_demonstrations").data
    text = chat.template.format(numbers=[3, 7, 12], target=22)
    assert text in prompt([3, 7, 12], 22, chat=True)
