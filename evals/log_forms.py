"""The forms in which others log samples, each turned into LoggedSample; read by sample_logs.py."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evals.job import writable
from harness.errors import EvaluationError

Row = Mapping[str, Any]

PROBLEM_FIELDS = ("problem", "Problem", "question", "Question", "query", "input")
GOLD_FIELDS = ("gold", "answer", "Answer", "expected_answer", "target")
PLAIN_FORM = '{"id" or "problem": ..., "response" or "responses": ..., "gold": ...}'
FORMS = f"lm-eval's samples_*.jsonl, lighteval's details_*.parquet, samples-*.jsonl, {PLAIN_FORM}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSample:
    """One response of a log."""

    problem: str | None
    """The problem's text, or the prompt around it; None when the log has neither."""
    id: str | None
    """The problem's id in the log."""
    gold: str | None
    """The gold answer in the log."""
    response: str
    """The response as logged."""
    sample: int
    """Number of the sample within its line of the log, or as the log says."""
    response_tokens: int | None = None
    """Length in tokens; None when the log does not tell it, as those of others."""
    truncated: bool | None = None
    """Whether the token limit cut the response; None likewise."""


def samples_of(rows: Iterable[tuple[str, Row]]) -> Iterator[LoggedSample]:
    """The samples of one file; its rows say which form it has."""
    filters: dict[Any, Any] = {}
    for where, row in rows:
        try:
            if "doc" in row and "resps" in row:
                # lm-eval repeats a document with the same responses for every filter.
                if filters.setdefault(row.get("doc_id"), row.get("filter")) == row.get("filter"):
                    yield from from_lm_eval(row)
            elif "model_response" in row or "predictions" in row:
                yield from from_lighteval(row)
            else:
                yield from from_plain(row)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{where}: cannot be read as a sample ({error}); it has "
                f"{', '.join(row) or 'no field'}; expected {FORMS}"
            ) from error


def from_lm_eval(row: Row) -> Iterator[LoggedSample]:
    """A line of lm-eval's log: `resps` holds all repeats, whatever its filters kept of them."""
    (repeats,) = row["resps"]
    doc = row["doc"]
    problem = first_of(doc, (*PROBLEM_FIELDS, "prompt")) or lm_eval_prompt(row.get("arguments"))
    target = row.get("target")
    gold = first_of(doc, GOLD_FIELDS) if target is None else str(target)
    for sample, response in enumerate(repeats):
        yield LoggedSample(
            problem=problem,
            id=first_of(doc, ("id", "problem_id", "unique_id")),
            gold=gold,
            response=text(response),
            sample=sample,
        )


def lm_eval_prompt(arguments: Any) -> str | None:
    """The prompt among the arguments of a line; versions differ in how they nest it."""
    while isinstance(arguments, dict | list) and arguments:
        arguments = next(iter(arguments.values())) if isinstance(arguments, dict) else arguments[0]
    return arguments if isinstance(arguments, str) else None


def from_lighteval(row: Row) -> Iterator[LoggedSample]:
    """A row of lighteval's details: nested since 0.11, flat before, and flat text before 0.7."""
    if "model_response" in row:
        doc = row["doc"]
        problem, responses = doc["query"], row["model_response"]["text"]
        golds = [doc["choices"][index] for index in listed(doc["gold_index"])]
    else:
        problem, responses = row.get("example") or row.get("full_prompt"), row["predictions"]
        golds = listed(row.get("gold"))
    for sample, response in enumerate(listed(responses)):
        yield LoggedSample(
            problem=problem,
            id=None,
            gold=str(golds[0]) if golds else None,
            response=text(response),
            sample=sample,
        )


def listed(value: Any) -> list[Any]:
    """A value as a list; a list that was written as Python text is read as the literal it is."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = ast.literal_eval(value)
        except (MemoryError, RecursionError, SyntaxError) as error:
            raise ValueError(f"a list is damaged: {error}") from error
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def from_plain(row: Row) -> Iterator[LoggedSample]:
    """A line of this project's samples, or of plain JSONL with one or several responses."""
    if "response" not in row and "responses" not in row:
        raise KeyError("neither response nor responses")
    responses = row["responses"] if "responses" in row else [row["response"]]
    identifier = first_of(row, ("id", "problem_id"))
    single = "responses" not in row
    tokens, truncated = (row.get(n) if single else None for n in ("response_tokens", "truncated"))
    # A rendered prompt may be JSON or a template's own escape; with an id it is not needed.
    fields = PROBLEM_FIELDS if identifier else (*PROBLEM_FIELDS, "prompt")
    for sample, response in enumerate(responses, start=int(row.get("sample", 0))):
        yield LoggedSample(
            problem=first_of(row, fields),
            id=identifier,
            gold=first_of(row, GOLD_FIELDS),
            response=text(response),
            sample=sample,
            response_tokens=tokens if isinstance(tokens, int) else None,
            truncated=truncated if isinstance(truncated, bool) else None,
        )


def first_of(row: Row, names: Iterable[str]) -> str | None:
    """The first of the named fields that has a value, as text."""
    found = (str(row[name]) for name in names if row.get(name) not in (None, ""))
    return next((writable(value) for value in found), None)


def text(response: Any) -> str:
    """A response, which must be text."""
    if not isinstance(response, str):
        raise TypeError(f"a response is {response!r:.60}, not text")
    return writable(response)
