"""Models of published shapes with random weights, for measurements that need no hub; the parts that
train and generate on them build each once."""

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.gpu.options import TINY
from harness.errors import ConfigError
from harness.explain import CONF_DIR
from harness.files import read_yaml
from harness.paths import ROOT
from harness.plan.shape import ModelShape, known_shapes, parameters

if TYPE_CHECKING:
    from transformers import Qwen2ForCausalLM, Qwen2Tokenizer

TINY_FOLDER = ROOT / "harness" / "tiny" / "countdown"
SEED = 0
PROBLEMS = 3000
MERGED_TOKENS = 2000
"""Tokens that training may find; the task has fewer, and the rest of a vocabulary is dummies."""
ROPE_THETA = 1e6
NORM_EPSILON = 1e-6


def model_folder(name: str, scratch: Path) -> Path:
    """A Hugging Face folder with random weights of the shape of conf/model/<name>.yaml.

    Built once in `scratch`; `tiny` is the folder that ships with the project.

    Raises:
        ConfigError: the shape is not that of a Qwen2 model, or is unknown.
    """
    if name == TINY:
        return TINY_FOLDER
    chosen = read_yaml(CONF_DIR / "model" / f"{name}.yaml")
    shape = known_shapes().get(chosen["path"])
    if shape is None or not shape.attention_bias or shape.qk_norm:
        raise ConfigError(
            f"--model {name}: {chosen['path']} is not of Qwen2's shape in "
            "harness/plan/models.yaml, and only such models are built here: choose another"
        )
    folder = scratch / "models" / name
    if not (folder / "config.json").exists():
        build(shape, chosen["context_length"], folder)
    return folder


def build(shape: ModelShape, context: int, folder: Path) -> None:
    """Writes tokenizer and weights; a build that dies leaves no folder."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tokenizer = make_tokenizer(shape.vocab, context)
    tokenizer.save_pretrained(partial)
    random_model(shape, context, tokenizer).save_pretrained(partial)
    partial.rename(folder)


def random_model(
    shape: ModelShape, context: int, tokenizer: "Qwen2Tokenizer"
) -> "Qwen2ForCausalLM":
    """A Qwen2 model of exactly this shape in bf16, the same at every build."""
    import torch
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    ends = {
        "bos_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = Qwen2Config(
        vocab_size=shape.vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=context,
        rms_norm_eps=NORM_EPSILON,
        rope_theta=ROPE_THETA,
        tie_word_embeddings=shape.tied,
        **ends,
    )
    before = torch.get_rng_state()
    torch.manual_seed(SEED)
    try:
        model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    finally:
        torch.set_rng_state(before)
    assert model.num_parameters() == parameters(shape).total
    model.generation_config = GenerationConfig(do_sample=True, temperature=1.0, **ends)
    return model


def make_tokenizer(vocabulary: int, context: int) -> "Qwen2Tokenizer":
    """Qwen's byte-level BPE, trained on countdown prompts, with a token for every id of the model.

    Raises:
        ConfigError: the vocabulary is too small for bytes and special tokens.
    """
    from transformers import Qwen2Tokenizer

    from harness.tiny.tokenizer import CHAT_TEMPLATE, END, PAD, START

    vocab, merges = _trained([PAD, START, END], min(vocabulary, MERGED_TOKENS))
    if len(vocab) > vocabulary:
        raise ConfigError(
            f"a vocabulary of {vocabulary} has no room for {len(vocab)} bytes and special tokens"
        )
    for index in range(len(vocab), vocabulary):
        vocab[f"<dummy{index}>"] = index
    return Qwen2Tokenizer(
        vocab=vocab,
        merges=merges,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        chat_template=CHAT_TEMPLATE,
        model_max_length=context,
    )


def _trained(special: list[str], size: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of at most `size` tokens, the special ones first."""
    import json

    from tokenizers import Tokenizer, models, trainers
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    from harness.tiny.traces import prompt

    own: Any = Qwen2Tokenizer(vocab={token: i for i, token in enumerate(special)}, merges=[])
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = own.backend_tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    rng = random.Random(SEED)
    texts = (
        prompt([rng.randint(1, 99) for _ in range(4)], rng.randint(1, 99), chat=index % 2 == 1)
        for index in range(PROBLEMS)
    )
    learner.train_from_iterator(texts, trainer)
    model = json.loads(learner.to_str())["model"]
    return dict(model["vocab"]), [(first, second) for first, second in model["merges"]]
