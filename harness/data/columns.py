"""The fields of data.columns, read from one row of the source; preparation reads each row so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.data.readers import Reader, reader
from harness.errors import DataError
from harness.spec import Data

Fields = dict[str, Any]


class Absent(Exception):
    """A row has no such column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field and where it comes from."""

    field: str
    path: str
    steps: tuple[str, ...]
    """The path in pieces."""
    read: Reader | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """All fields of a data set."""

    columns: tuple[Column, ...]
    may_lack: frozenset[str]
    """Fields that rows may leave empty: a row without a ground truth is left out, no error."""

    def pick(self, row: Mapping[str, Any], where: str) -> Fields:
        """The fields of one row; None for an empty field that the ground truth names.

        Raises:
            DataError: the row has no such column, or its value cannot be read.
        """
        fields = {}
        for column in self.columns:
            try:
                value = row.get(column.path)
                if value is None:
                    value = value_at(row, column.path, column.steps)
                if column.read and value is not None:
                    value = column.read(value)
            except (Absent, ValueError) as error:
                raise DataError(unreadable(row, column, where, error)) from error
            if value is None and column.field not in self.may_lack:
                raise DataError(unreadable(row, column, where, Absent()))
            fields[column.field] = value
        return fields


def columns_of(data: Data) -> Columns:
    """The columns of a data set, their readers found."""
    return Columns(
        columns=tuple(
            Column(
                field=field,
                path=path,
                steps=tuple(path.split(".")),
                read=reader(data.readers[field]) if field in data.readers else None,
            )
            for field, path in data.columns.items()
        ),
        may_lack=frozenset(data.ground_truth),
    )


def value_at(row: Mapping[str, Any], path: str, steps: Sequence[str]) -> Any:
    """The value at a dotted path: keys of objects, positions (from 0) in lists.

    None where the row has the column but nothing there.

    Raises:
        Absent: the row has no such column, or an object on the way no such key.
        ValueError: the path leads into something that holds no values.
    """
    if path in row:
        return row[path]
    value: Any = row
    for done, step in enumerate(steps):
        if value is None:
            return None
        if isinstance(value, Mapping):
            if step not in value:
                raise Absent
            value = value[step]
        elif isinstance(value, list | tuple) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            raise ValueError(f"{'.'.join(steps[:done])} holds {value!r:.60}, nothing named {step}")
    return value


def unreadable(row: Mapping[str, Any], column: Column, where: str, error: Exception) -> str:
    """What is wrong with a field of a row."""
    has = f"the row has {', '.join(row) or 'no columns'} (data.columns maps a field to a column)"
    if isinstance(error, Absent):
        return f"{where}: no value for the column {column.path} (field {column.field}); {has}"
    held = row.get(column.path, row.get(column.steps[0]))
    return (
        f"{where}: the column {column.path} (field {column.field}) cannot be read: {error}; it "
        f"holds {held!r:.100}. Correct data.columns or data.readers; {has}"
    )


def top_level(data: Data) -> set[str]:
    """Columns that a data set reads, whole names and the first pieces of dotted paths."""
    paths = [*data.columns.values(), *([data.demonstration] if data.demonstration else [])]
    return {*paths, *(path.split(".")[0] for path in paths)}
