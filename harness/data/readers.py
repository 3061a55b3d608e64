"""How a field's value is read from its column; data.readers names it, columns.py applies it."""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from harness.errors import DataError

Reader = Callable[[Any], Any]
"""Column value (never None) -> field value, None when there is nothing to read; ValueError says
why a value of this kind cannot be read."""

OPENING = re.compile(r"\\(?:boxed|fbox)\s*\{")
BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
JSON_MEMBER = "json."


def after_hashes(value: Any) -> str | None:
    """What follows the last `####`, without commas in numbers: GSM8K ends its solutions so."""
    _, mark, answer = text_of(value).rpartition("####")
    plain = re.sub(r"(?<=\d),(?=\d)", "", answer).strip()
    return plain if mark and plain else None


def last_boxed(value: Any) -> str | None:
    r"""The content of the last closed \boxed{...} or \fbox{...}: MATH marks answers so."""
    text = text_of(value)
    for opening in reversed(list(OPENING.finditer(text))):
        depth = 1
        for brace in BRACES.finditer(text, opening.end()):
            depth += {"{": 1, "}": -1}.get(brace.group(), 0)
            if depth == 0:
                return text[opening.end() : brace.start()].strip()
    return None


def before_last_paragraph(value: Any) -> str:
    """All but the last paragraph, where a data set ends each problem with an instruction in one;
    text of a single paragraph as it is."""
    before, _, last = text_of(value).rpartition("\n\n")
    return before or last


def strip(value: Any) -> str:
    """The text without blanks around it."""
    return text_of(value).strip()


def first(value: Any) -> Any:
    """The first element of a list; anything else as it is, for columns that hold both."""
    if isinstance(value, list | tuple):
        return value[0] if value else None
    return value


def text(value: Any) -> str:
    """A number as text, without a fraction of zero (27.0 -> "27"); text as it is."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(value) if not isinstance(value, float) else repr(value)


def from_json(value: Any) -> Any:
    """The value that a JSON text holds."""
    try:
        return json.loads(text_of(value))
    except json.JSONDecodeError as error:
        raise ValueError(f"expected JSON text ({error})") from error


def json_member(keys: list[str], value: Any) -> Any:
    """A value inside the object that a JSON text holds."""
    found = from_json(value)
    for key in keys:
        if not isinstance(found, dict):
            raise ValueError(f"expected a JSON object around {key}")
        found = found.get(key)
        if found is None:
            return None
    return found


def text_of(value: Any) -> str:
    """A column value that has to be text."""
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value


READERS: dict[str, Reader] = {
    "after_hashes": after_hashes,
    "before_last_paragraph": before_last_paragraph,
    "first": first,
    "json": from_json,
    "last_boxed": last_boxed,
    "strip": strip,
    "text": text,
}


def reader(name: str) -> Reader:
    """The reader of a name; `json.<key>` reads a member of the object that a JSON text holds.

    Raises:
        DataError: there is none.
    """
    if name.startswith(JSON_MEMBER) and all(keys := name.split(".")[1:]):
        return partial(json_member, keys)
    if name not in READERS:
        raise DataError(
            f"data.readers: {name} is unknown; choose one of {', '.join(READERS)}, json.<key>"
        )
    return READERS[name]
