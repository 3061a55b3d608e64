"""Models with random weights: the shape that was asked for, a tokenizer that knows every id."""

from pathlib import Path

import pytest

from bench.gpu.shapes import MERGED_TOKENS, TINY_FOLDER, build, make_tokenizer, model_folder
from harness.errors import ConfigError
from harness.plan.shape import ModelShape, shape_of
from harness.tiny.traces import prompt

SHAPE = ModelShape(
    layers=2, hidden=32, intermediate=64, heads=4, kv_heads=2, head_dim=8,
    vocab=MERGED_TOKENS + 500, tied=True, attention_bias=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "toy"
    build(SHAPE, 512, folder)
    return folder


def test_the_plan_reads_the_same_shape_from_the_folder(built: Path) -> None:
    found = shape_of(str(built), 0.5)
    for name in ("layers", "hidden", "intermediate", "heads", "kv_heads", "head_dim", "vocab"):
        assert getattr(found, name) == getattr(SHAPE, name)
    assert found.tied and found.attention_bias and not found.approximate


def test_weights_are_bf16_and_the_same_at_every_build(built: Path, tmp_path: Path) -> None:
    build(SHAPE, 512, tmp_path / "again")
    first, second = (
        (folder / "model.safetensors").read_bytes() for folder in (built, tmp_path / "again")
    )
    assert first == second and b'"BF16"' in first[:4000] and b'"F32"' not in first[:4000]
    assert not list(built.parent.glob("*.partial"))


def test_the_tokenizer_reads_prompts_and_decodes_every_id(built: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(built)
    text = prompt([3, 7, 12], 22)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text and len(ids) < len(text) / 3
    assert len(tokenizer) == SHAPE.vocab
    assert all(tokenizer.decode([index]) for index in (0, 200, SHAPE.vocab - 1))
    assert tokenizer.eos_token_id != tokenizer.pad_token_id
    chat = [{"role": "user", "content": "3 + 4"}]
    shown = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert shown == "<|im_start|>user\n3 + 4<|im_end|>\n<|im_start|>assistant\n"


def test_a_vocabulary_without_room_for_bytes_is_refused() -> None:
    with pytest.raises(ConfigError, match="no room"):
        make_tokenizer(100, 512)


def test_tiny_is_the_model_that_ships(tmp_path: Path) -> None:
    assert model_folder("tiny", tmp_path) == TINY_FOLDER and not list(tmp_path.iterdir())


def test_a_model_is_built_once(tmp_path: Path) -> None:
    done = tmp_path / "models" / "qwen2_5_0_5b"
    done.mkdir(parents=True)
    (done / "config.json").write_text("{}")
    assert model_folder("qwen2_5_0_5b", tmp_path) == done


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Qwen2"):
        model_folder("llama3_1_8b_instruct", tmp_path)
