"""Lengths in tokens of the model, and which tokenizer counted; prepare.py filters with them."""

from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from harness.data.prompts import messages
from harness.errors import DataError

BATCH = 1000
"""Texts encoded at a time: bounds memory, and is large enough for the tokenizer's own threads."""

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)


def tokenizer_hash(path: str) -> str:
    """Hash of a local tokenizer's files; of the name alone when it is a hub id."""
    folder = Path(path)
    digest = sha256()
    if not folder.is_dir():
        digest.update(path.encode())
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            digest.update(name.encode() + sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def load_tokenizer(path: str) -> Any:
    """The tokenizer of a model folder or hub id."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"no tokenizer at model.path={path}: {error}\n"
            "set model.path to a folder or hub id of a Hugging Face model"
        ) from error


def prompt_lengths(tokenizer: Any, texts: list[str], render: Literal["raw", "chat"]) -> list[int]:
    """Tokens of each prompt as the model will see it."""
    if render == "chat":
        texts = [as_chat(tokenizer, text) for text in texts]
    return lengths(tokenizer, texts)


def as_chat(tokenizer: Any, text: str) -> str:
    """A user message inside the model's chat template, up to where the response starts."""
    if not tokenizer.chat_template:
        raise DataError(
            f"data.render=chat, but the tokenizer at {tokenizer.name_or_path} has no chat "
            "template; choose data.render=raw or a model with one"
        )
    chat: str = tokenizer.apply_chat_template(
        messages(text), tokenize=False, add_generation_prompt=True
    )
    return chat


def lengths(tokenizer: Any, texts: list[str]) -> list[int]:
    """Tokens of each text, without special tokens added."""
    found: list[int] = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(
            texts[start : start + BATCH],
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        found += map(len, batch["input_ids"])
    return found
