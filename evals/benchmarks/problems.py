"""Problems in their one form: parsed from JSONL, digested, checked against a card; all pure."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from evals.benchmarks.cards import BenchmarkCard
from harness.errors import DataError
from harness.spec import Part

ROW_DIGITS = 4
Row = dict[str, Any]


class Problem(Part):
    """One problem of a benchmark."""

    id: str
    """Unique in the benchmark."""
    problem: str
    """The text to solve, without any instruction of a protocol."""
    truth: dict[str, Any]
    """Ground truth: `answer` for mathematics, `numbers` and `target` for countdown, ..."""


class Loaded(Part):
    """The problems of a benchmark and where they came from."""

    name: str
    """The benchmark."""
    problems: tuple[Problem, ...]
    """In the order of the source."""
    sha256: str
    """content_sha256 of the problems."""
    origin: str
    """Where they were read from, in words."""
    pinned: bool
    """The content equals the digest on the card; False when the card has none."""


def canonical(problem: Problem) -> str:
    """The text of a problem that digests are made of."""
    parts = [problem.id, problem.problem, problem.truth]
    return json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_sha256(problems: Iterable[Problem]) -> str:
    """sha256 of the problems, whatever file or source they came from."""
    text = "[" + ",".join(canonical(problem) for problem in problems) + "]"
    return hashlib.sha256(text.encode()).hexdigest()


def row_digest(problem: Problem) -> str:
    """The start of the sha256 of one problem."""
    return hashlib.sha256(canonical(problem).encode()).hexdigest()[:ROW_DIGITS]


def to_line(problem: Problem) -> str:
    """A problem as one line of JSON."""
    row = {"id": problem.id, "problem": problem.problem, **problem.truth}
    return json.dumps(row, ensure_ascii=False)


def parse(content: bytes, card: BenchmarkCard, origin: str) -> list[Problem]:
    """Problems of a JSONL file; fields that are not on the card are passed over.

    Raises:
        DataError: a line is not a problem or repeats an id; names the line.
    """
    found: dict[str, Problem] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{origin}:{number}"
        problem = to_problem(json_object(line, where), card, where)
        if problem.id in found:
            raise DataError(f"{where}: the id {problem.id} is there twice; {PROVIDE_WHOLE}")
        found[problem.id] = problem
    return list(found.values())


PROVIDE_WHOLE = "provide the whole, unchanged file"


def json_object(line: bytes, where: str) -> Row:
    """One line of a JSONL file."""
    try:
        row = json.loads(line.decode())
    except ValueError as error:
        raise DataError(
            f"{where}: is damaged or cut off ({error}); it starts with {line[:60]!r}; "
            f"{PROVIDE_WHOLE}"
        ) from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: is not a JSON object; {PROVIDE_WHOLE}")
    return row


def to_problem(row: Row, card: BenchmarkCard, where: str) -> Problem:
    """A row in the one form: text without outer blanks, and the truth fields of the card."""
    missing = [field for field in ("id", "problem", *card.truth) if field not in row]
    empty = [field for field in ("id", "problem", "answer") if row.get(field, "x") in ("", None)]
    if missing or empty:
        raise DataError(
            f"{where}: no value for {', '.join(missing + empty)}; a row of {card.name} has id, "
            f"problem, {', '.join(card.truth)}; {PROVIDE_WHOLE}"
        )
    truth = {field: row[field] for field in card.truth}
    return Problem(id=str(row["id"]), problem=str(row["problem"]).strip(), truth=truth)


def checked(problems: Sequence[Problem], card: BenchmarkCard, origin: str) -> Loaded:
    """The problems, if they are those that the card pins.

    Raises:
        DataError: they are not; names what differs.
    """
    digest = content_sha256(problems)
    if card.content_sha256 not in (None, digest):
        raise DataError(
            f"{origin}: is not the benchmark {card.name} that scores are compared on: "
            f"{difference(problems, card)} (content sha256 {digest[:12]}, pinned "
            f"{str(card.content_sha256)[:12]}); {PROVIDE_WHOLE}, or remove it to use the next "
            "source"
        )
    return Loaded(
        name=card.name,
        problems=tuple(problems),
        sha256=digest,
        origin=origin,
        pinned=card.content_sha256 is not None,
    )


def difference(problems: Sequence[Problem], card: BenchmarkCard) -> str:
    """What differs from the pinned content, in words."""
    digits = card.row_digests.replace(" ", "")
    wanted = [digits[start : start + ROW_DIGITS] for start in range(0, len(digits), ROW_DIGITS)]
    rows = f"{len(problems)} problems instead of {card.rows}"
    for number, (problem, digest) in enumerate(zip(problems, wanted, strict=False), start=1):
        if row_digest(problem) != digest:
            first = f"the first that differs is number {number}, {problem.id}"
            return first if len(problems) == card.rows else f"{rows}; {first}"
    return rows if len(problems) != card.rows else "the text of some problem or answer"
