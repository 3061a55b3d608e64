"""What the model sees of a prompt, and the form in which it is stored; preparation and the tests
that pin a recipe's prompts ask."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from harness.data.budgets import budget_fields
from harness.data.columns import columns_of
from harness.data.prompts import Message, conversation, messages, render, shows_raw
from harness.data.tokens import token_ids
from harness.errors import DataError
from harness.spec import Data


def rendered(
    data: Data, tokenizer: Any, row: Mapping[str, Any], *, index: int = 0
) -> tuple[str, list[int]]:
    """The prompt of one source row as the model sees it, and its token ids (not cut).

    Args:
        index: Its place among the training rows, from 0, on which its budget depends.
    """
    picked = columns_of(data).pick(row, f"a row of {data.name}")
    fields = picked | budget_fields(data, "train", index)
    text = shown(data, tokenizer, render(data.template, fields))
    return text, token_ids(tokenizer, text)


def shown(data: Data, tokenizer: Any, text: str) -> str:
    """A prompt's text as the model sees it: as it stands, or inside the model's chat template, up
    to where the response starts or as far as data.prefill begins it."""
    if data.render == "raw":
        return text
    if not tokenizer.chat_template:
        raise DataError(
            f"data.render=chat, but the tokenizer at {tokenizer.name_or_path} has no chat "
            "template; choose data.render=raw or a model with one"
        )
    chat: str = tokenizer.apply_chat_template(
        conversation(data, text), tokenize=False, add_generation_prompt=True
    )
    return chat + (data.prefill or "")


def stored(data: Data, text: str, seen: str) -> list[Message]:
    """The messages of a prepared row: a conversation that verl puts into the chat template, or the
    whole text where a template cannot make it.

    Args:
        text: data.template with its fields.
        seen: The same prompt as shown() gives it.
    """
    return messages(seen) if shows_raw(data) else conversation(data, text)


def template_sha256(data: Data, tokenizer: Any) -> str | None:
    """Hash of the chat template that shows the prompts; None when they are raw text."""
    if data.render == "raw":
        return None
    return sha256(tokenizer.get_chat_template().encode()).hexdigest()


def ids_sha256(ids: list[int]) -> str:
    """Hash of token ids, written in decimal with spaces between."""
    return sha256(" ".join(map(str, ids)).encode()).hexdigest()
