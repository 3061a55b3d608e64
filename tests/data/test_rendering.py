"""What the model sees of a prompt, and that stored prompts show exactly that."""

from typing import Any

import pytest
from transformers import AutoTokenizer

from harness.data.rendering import ids_sha256, rendered, shown, stored, template_sha256
from harness.errors import DataError
from tests.data.making import ROWS, data

FILE = {"kind": "file", "path": "rows.jsonl"}
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Make 5 from [2, 3]: "},
    {"role": "assistant", "content": "2+3"},
]
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "raw": ({}, "Make 3 from [1, 2]: "),
    "chat": ({"render": "chat"}, "[user]Make 3 from [1, 2]: [reply]"),
    "before": (
        {"render": "chat", "before": TURNS},
        "[system]Be brief.[user]Make 5 from [2, 3]: [assistant]2+3"
        "[user]Make 3 from [1, 2]: [reply]",
    ),
    "prefill": (
        {"render": "chat", "before": TURNS[:1], "prefill": "Let me see.\n<think>"},
        "[system]Be brief.[user]Make 3 from [1, 2]: [reply]Let me see.\n<think>",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_text_and_tokens(case: str, tokenizer: str) -> None:
    changes, expected = CASES[case]
    loaded = AutoTokenizer.from_pretrained(tokenizer)
    text, ids = rendered(data(FILE, **changes), loaded, ROWS[0])
    assert text == expected
    assert len(ids) == len(expected) and loaded.decode(ids) == expected


@pytest.mark.parametrize("case", CASES)
def test_what_is_stored_shows_the_same(case: str, tokenizer: str) -> None:
    """As verl shows it: messages through the model's template, raw text through a pass-through."""
    changes, expected = CASES[case]
    spec, loaded = data(FILE, **changes), AutoTokenizer.from_pretrained(tokenizer)
    text = "Make 3 from [1, 2]: "
    messages = stored(spec, text, shown(spec, loaded, text))
    if case in ("raw", "prefill"):
        assert messages == [{"role": "user", "content": expected}]
    else:
        template = loaded.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert template == expected


def test_hashes(tokenizer: str) -> None:
    loaded = AutoTokenizer.from_pretrained(tokenizer)
    assert template_sha256(data(FILE), loaded) is None
    chat = template_sha256(data(FILE, render="chat"), loaded)
    assert chat and chat == template_sha256(data(FILE, render="chat", prefill="x"), loaded)
    # printf '1 23' | sha256sum
    assert ids_sha256([1, 23]).startswith("2cb22e62")
    assert ids_sha256([12, 3]) != ids_sha256([1, 23])


def test_a_tokenizer_without_a_template(tokenizer: str) -> None:
    loaded = AutoTokenizer.from_pretrained(tokenizer)
    loaded.chat_template = None
    with pytest.raises(DataError, match=r"has no chat template; choose data\.render=raw"):
        rendered(data(FILE, render="chat"), loaded, ROWS[0])
