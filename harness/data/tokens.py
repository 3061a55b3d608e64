"""The tokenizer of a model, and lengths in its tokens; preparation counts with it."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

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


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Tokens of a text, without special tokens added."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def lengths(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Number of tokens of each text, without special tokens added."""
    found: list[int] = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(
            list(texts[start : start + BATCH]),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        found += map(len, batch["input_ids"])
    return found
