"""Prompt text, conversation and ground truth of one row, and what is wrong with a data option
before any row is read; prepare.py and the rules of a run ask."""

import json
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from evals.benchmarks import names as benchmarks
from harness.data.budgets import FIELDS, budget_mistakes
from harness.data.readers import reader
from harness.errors import DataError
from harness.spec import Data

Message = dict[str, str]


def fields_of(
    template: str, origin: str = "data.template", field: str = "{field} for a field of data.columns"
) -> list[str]:
    """Names of the placeholders of a template; a literal brace is written {{ or }}.

    Args:
        origin: Where the template stands, for messages.
        field: What its placeholders are, for messages.
    """
    hint = f"write {field}, {{{{ and }}}} for literal braces"
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise DataError(f"{origin}: {error}; {hint}") from error
    names = []
    for _, name, format_spec, conversion in parts:
        if name is None:
            continue
        if not name.isidentifier() or format_spec or conversion:
            raise DataError(f"{origin}: the placeholder {{{name}}} is not a name; {hint}")
        names.append(name)
    return names


def mistakes(data: Data) -> Iterator[str]:
    """What contradicts itself in a data option, as text."""
    try:
        named = fields_of(data.template)
        for name in data.readers.values():
            reader(name)
        check_budget_texts(data)
    except DataError as error:
        yield str(error)
        return
    drawn = FIELDS if data.budget else ()
    for origin, names, more in (
        ("data.template", named, drawn),
        ("data.ground_truth", data.ground_truth, drawn),
        ("data.readers", list(data.readers), ()),
        ("data.keep", list(data.keep), ()),
    ):
        if unknown := [name for name in names if name not in (*data.columns, *more)]:
            yield (
                f"{origin} names {', '.join(unknown)}; data.columns has "
                f"{', '.join(data.columns) or 'no fields'}; add the field there or correct the name"
            )
    yield from budget_mistakes(data, named)
    if unknown := [name for name in data.decontaminate if name not in benchmarks()]:
        yield (
            f"data.decontaminate names {', '.join(unknown)}; the benchmarks are "
            f"{', '.join(benchmarks())}"
        )
    chat_only = {"data.before": bool(data.before), "data.prefill": data.prefill is not None}
    if data.render == "raw" and (given := [name for name, set_ in chat_only.items() if set_]):
        yield (
            f"{' and '.join(given)}: set, and data.render=raw shows data.template as the whole "
            "prompt; write that text into data.template, or set data.render=chat"
        )


def check_budget_texts(data: Data) -> None:
    """Refuses a budget's text whose only placeholder is not {tokens}."""
    for name in ("exact", "at_most"):
        text = getattr(data.budget, name, None)
        if text is None:
            continue
        found = fields_of(text, f"data.budget.{name}", "{tokens} for the number of tokens")
        if set(found) != {"tokens"}:
            raise DataError(
                f"data.budget.{name}: the text {text!r} has "
                f"{', '.join(f'{{{one}}}' for one in found) or 'no placeholder'}; write {{tokens}} "
                "where the number shall stand, and no other placeholder"
            )


def check_fields(data: Data) -> None:
    """Refuses a data option that contradicts itself."""
    for mistake in mistakes(data):
        raise DataError(mistake)


def render(template: str, fields: Mapping[str, Any]) -> str:
    """The template with every placeholder replaced by its field."""
    try:
        return template.format_map(fields)
    except KeyError as error:
        raise DataError(
            f"data.template names {error.args[0]}; given are {', '.join(fields) or 'none'}"
        ) from error


def shows_raw(data: Data) -> bool:
    """Are prompts stored as the whole text? A response that the prompt begins is one case: no chat
    template of verl's can leave the assistant's turn open."""
    return data.render == "raw" or data.prefill is not None


def messages(text: str) -> list[Message]:
    """A whole prompt as verl stores it, which a pass-through chat template then shows."""
    return [{"role": "user", "content": text}]


def conversation(data: Data, text: str) -> list[Message]:
    """The turns before the problem, then the problem."""
    before = [{"role": turn.role, "content": turn.content} for turn in data.before]
    return [*before, *messages(text)]


def has_answer(fields: Mapping[str, Any], names: list[str]) -> bool:
    """Is every field that the reward receives filled? 0 is; blank text and null are not."""
    return all(is_filled(fields[name]) for name in names)


def is_filled(value: Any) -> bool:
    """Does a field hold something?"""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and not (isinstance(value, list | tuple | dict) and not value)


def ground_truth(fields: Mapping[str, Any], names: list[str], where: str) -> str:
    """The fields that the reward receives, as JSON text (columns must not mix types)."""
    try:
        return json.dumps({name: fields[name] for name in names}, ensure_ascii=False)
    except TypeError as error:
        raise DataError(
            f"{where}: the ground truth cannot be stored ({error}); "
            "use columns of numbers, text, lists and objects"
        ) from error
