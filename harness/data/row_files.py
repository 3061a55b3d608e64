"""Rows of local data files, with errors that name file and row; sources.py reads them here."""

import csv
import json
from pathlib import Path
from typing import Any

from harness.errors import DataError

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """All rows of a data file, in order."""
    readers = {
        ".parquet": parquet,
        ".jsonl": jsonl,
        ".json": json_list,
        ".csv": csv_rows,
        ".arrow": arrow,
    }
    reader = readers.get(path.suffix)
    if reader is None:
        raise DataError(
            f"{path}: the suffix is {path.suffix!r}; a data file ends in {', '.join(readers)}"
        )
    if not path.is_file():
        raise DataError(f"{path}: no such data file; set data.source.path to an existing one")
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error}); convert it to UTF-8") from error


def parquet(path: Path) -> list[Row]:
    """Rows of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    try:
        rows: list[Row] = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({error})") from error
    return rows


def arrow(path: Path) -> list[Row]:
    """Rows of an Arrow stream, as `datasets.Dataset.save_to_disk` writes them."""
    import pyarrow
    import pyarrow.ipc

    try:
        with pyarrow.memory_map(str(path)) as source:
            rows: list[Row] = pyarrow.ipc.open_stream(source).read_all().to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a readable Arrow stream ({error})") from error
    return rows


def jsonl(path: Path) -> list[Row]:
    """Rows of a file with one JSON object a line; empty lines are passed over."""
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                rows.append(_object(_json(line, f"{path}:{number}"), f"{path}:{number}"))
    return rows


def json_list(path: Path) -> list[Row]:
    """Rows of a file that is one JSON list of objects; a row that is a list has its positions as
    columns, as the `datasets` library reads it.
    """
    content = _json(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(content, list):
        raise DataError(f"{path}: is a JSON {_kind(content)}; expected a list of objects")
    rows = [
        {str(place): value for place, value in enumerate(row)} if isinstance(row, list) else row
        for row in content
    ]
    return [_object(row, f"{path}, row {n}") for n, row in enumerate(rows, start=1)]


def csv_rows(path: Path) -> list[Row]:
    """Rows of a CSV file with a header line.

    A column in which every cell is a JSON number or a JSON list is read as such, so that
    `"[3, 5, 7]",15` gives a list and an integer; any other column stays text.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            cells = [(reader.line_num, row) for row in reader if row]
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: is not CSV ({error})") from error
    if not header or len(set(header)) < len(header):
        raise DataError(f"{path}:1: the header is {header}; expected different column names")
    for line, row in cells:
        if len(row) != len(header):
            raise DataError(f"{path}:{line}: {len(row)} cells; expected {len(header)}: {header}")
    columns = [_typed([row[index] for _, row in cells]) for index in range(len(header))]
    return [dict(zip(header, values, strict=True)) for values in zip(*columns, strict=True)]


def _typed(cells: list[str]) -> list[Any]:
    try:
        values = [json.loads(cell) for cell in cells]
    except json.JSONDecodeError:
        return list(cells)
    plain = all(type(value) in (int, float, list) for value in values)
    return values if plain else list(cells)


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is not JSON ({error}); it starts with {text[:60]!r}") from error


def _object(value: Any, where: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(f"{where}: is a JSON {_kind(value)}; expected an object with the columns")
    return value


def _kind(value: Any) -> str:
    names = {list: "list", dict: "object", str: "string", type(None): "null", bool: "boolean"}
    return names.get(type(value), "number")
