"""Prompt text, messages and ground truth of one row; prepare.py and evaluation render with it."""

import json
from collections.abc import Mapping
from string import Formatter
from typing import Any

from harness.errors import DataError
from harness.spec import Data

Message = dict[str, str]


def fields_of(template: str) -> list[str]:
    """Names of the {field} placeholders of a template; a literal brace is written {{ or }}."""
    hint = "write {field} for a field of data.columns, {{ and }} for literal braces"
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise DataError(f"data.template: {error}; {hint}") from error
    names = []
    for _, name, format_spec, conversion in parts:
        if name is None:
            continue
        if not name.isidentifier() or format_spec or conversion:
            raise DataError(f"data.template: the placeholder {{{name}}} is not a name; {hint}")
        names.append(name)
    return names


def check_fields(data: Data) -> None:
    """Refuses a template or a ground truth that names a field which data.columns does not have."""
    for origin, names in (
        ("data.template", fields_of(data.template)),
        ("data.ground_truth", data.ground_truth),
    ):
        unknown = [name for name in names if name not in data.columns]
        if unknown:
            raise DataError(
                f"{origin} names {', '.join(unknown)}; data.columns has "
                f"{', '.join(data.columns) or 'no fields'}; add the field there or correct the name"
            )


def pick(row: Mapping[str, Any], data: Data, where: str) -> dict[str, Any]:
    """The fields of data.columns, from the columns of one row."""
    missing = [column for column in data.columns.values() if row.get(column) is None]
    if missing:
        raise DataError(
            f"{where}: no value for the column {', '.join(missing)}; the row has "
            f"{', '.join(row) or 'no columns'} (data.columns maps a field to a column)"
        )
    return {field: row[column] for field, column in data.columns.items()}


def render(template: str, fields: Mapping[str, Any]) -> str:
    """The template with every placeholder replaced by its field."""
    missing = [name for name in fields_of(template) if name not in fields]
    if missing:
        raise DataError(
            f"data.template names {', '.join(missing)}; given are {', '.join(fields) or 'none'}"
        )
    return template.format_map(fields)


def messages(text: str) -> list[Message]:
    """A prompt as verl stores it: a raw one too, which a pass-through chat template then shows."""
    return [{"role": "user", "content": text}]


def ground_truth(fields: Mapping[str, Any], names: list[str], where: str) -> str:
    """The fields that the reward receives, as JSON text (columns must not mix types)."""
    try:
        return json.dumps({name: fields[name] for name in names}, ensure_ascii=False)
    except TypeError as error:
        raise DataError(
            f"{where}: the ground truth cannot be stored ({error}); "
            "use columns of numbers, text, lists and objects"
        ) from error
