"""One sample as the report's page expects it: known fields, known types, texts of a bearable
length; read by choice.py."""

import json
from typing import Any

from harness.report.read import Json

LONGEST = 40_000
"""Characters of one text that are kept; more is left out in the middle."""
LONGEST_ANSWER = 2_000
TEXTS = ("prompt", "response", "extracted", "gold")
"""Fields that may be long."""


def record(sample: Json) -> Json:
    """One sample with the fields and types that the page expects."""
    extracted, truth = sample.get("extracted"), sample.get("truth")
    return {
        "label": printable(str(sample.get("label"))),
        "benchmark": printable(str(sample.get("benchmark"))),
        "id": str(sample.get("id")),
        "sample": whole(sample.get("sample")),
        "prompt": shortened(text_of(sample.get("prompt", "")), LONGEST),
        "response": shortened(text_of(sample.get("response", "")), LONGEST),
        "extracted": None if extracted is None else shortened(text_of(extracted), LONGEST_ANSWER),
        "gold": None if truth is None else shortened(gold_text(truth), LONGEST_ANSWER),
        "correct": flag(sample.get("correct")),
        "second": flag(sample.get("second")),
        "doubt": printable(text_of(sample["doubt"]))[:80] if sample.get("doubt") else None,
        "value": number(sample.get("value")),
        "tokens": number(sample.get("response_tokens")),
        "truncated": flag(sample.get("truncated")),
        "parts": parts(sample.get("components")),
    }


def text_of(value: Any) -> str:
    """A text as it is; anything else (a chat, a number) as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def gold_text(truth: Any) -> str:
    """A ground truth in short: the answer where it is nothing but an answer."""
    bare = isinstance(truth, dict) and truth.keys() == {"answer"}
    return text_of(truth["answer"] if bare else truth)


def shortened(text: str, limit: int) -> str | list[Any]:
    """The text, or [head, number of characters left out, tail]; heads are longer than tails."""
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 3, limit // 3
    return [text[:head], len(text) - limit, text[-tail:]]


def flag(value: Any) -> bool | None:
    """True and false; anything else is unknown."""
    return value if isinstance(value, bool) else None


def number(value: Any) -> float | str | None:
    """A number that JSON can hold, else its name (nan, inf)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e300 else str(value)[:40]


def whole(value: Any) -> int:
    """A sample's number; 0 where the file does not say."""
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def parts(components: Any) -> Json:
    """The named parts of a reward."""
    if not isinstance(components, dict):
        return {}
    values = {str(name): number(value) for name, value in components.items()}
    return {name: value for name, value in values.items() if value is not None}


def printable(value: Any) -> Any:
    """Text without what an HTML file cannot hold: NUL and halves of surrogate pairs."""
    if isinstance(value, list):
        head, left_out, tail = value
        value = f"{head}\n[{left_out} characters left out]\n{tail}"
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
