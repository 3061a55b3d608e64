"""Fetches a benchmark's pinned upstream file and brings it into the one form; load.py calls it."""

import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from evals.benchmarks.cards import BenchmarkCard, RemoteSource
from evals.benchmarks.problems import Problem, Row, to_problem
from harness.errors import DataError

URL = "https://raw.githubusercontent.com/{repo}/{commit}/{path}"
TIMEOUT_S = 30.0
LARGEST_BYTES = 64 * 1024 * 1024


def fetch(card: BenchmarkCard, source: RemoteSource, *, timeout_s: float = TIMEOUT_S) -> bytes:
    """The bytes of the source file, with the pinned digest.

    Raises:
        DataError: it cannot be reached, or is not the pinned file.
    """
    url = URL.format(repo=source.repo, commit=source.commit, path=source.path)
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:
            content: bytes = response.read(LARGEST_BYTES)
    except (OSError, urllib.error.URLError) as error:
        raise DataError(f"{url}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        raise DataError(
            f"{url}: has sha256 {digest}, pinned is {source.sha256} ({len(content)} bytes "
            f"received); it is not used for {card.name}"
        )
    return content


def normalised(content: bytes, card: BenchmarkCard, source: RemoteSource) -> list[Problem]:
    """The problems of a source file; ids count from <benchmark>-0000 in the file's order."""
    problems = []
    for index, row in enumerate(rows_of(content, source)):
        where = f"{source.where}, row {index + 1}"
        try:
            fields = uniform(row, source, f"{card.name}-{index:04d}")
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise DataError(
                f"{where}: {card.name}.yaml does not fit the file ({error!r})"
            ) from error
        problems.append(to_problem(fields, card, where))
    return problems


def rows_of(content: bytes, source: RemoteSource) -> list[Row]:
    """The rows of a source file as they are upstream."""
    text = content.decode()
    if source.format == "json":
        rows: list[Row] = json.loads(text)
        return rows
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def uniform(row: Row, source: RemoteSource, identifier: str) -> Row:
    """An upstream row with the names used here and the bare gold answer."""
    given = {field: row.get(column) for field, column in source.columns.items()}
    fields = {field: None if value == "" else value for field, value in given.items()}
    for step in source.answer:
        fields["answer"] = STEPS[step](fields["answer"])
    return {"id": identifier, **fields}


def first(value: Any) -> Any:
    """The first entry of a list of golds."""
    return value[0]


def last_box(value: str) -> str:
    r"""The content of the last \boxed{...} of a worked solution."""
    start = value.rindex("\\boxed{") + len("\\boxed{")
    depth = 1
    for position in range(start, len(value)):
        depth += {"{": 1, "}": -1}.get(value[position], 0)
        if depth == 0:
            return value[start:position]
    raise ValueError(f"the last box is never closed: {value[start : start + 60]!r}")


def after_hashes(value: str) -> str:
    """The number behind the #### of a GSM8K solution, thousands commas removed."""
    return value.rpartition("####")[2].strip().replace(",", "")


def integer(value: Any) -> str:
    """An integer without leading zeros or a decimal part of zeros: 025, 27.0 -> 25, 27."""
    text = str(value).strip()
    match = re.fullmatch(r"(-?\d+)(\.0*)?", text)
    return str(int(match.group(1))) if match else text


STEPS: dict[str, Callable[[Any], Any]] = {
    "first": first,
    "last_box": last_box,
    "after_hashes": after_hashes,
    "integer": integer,
}
