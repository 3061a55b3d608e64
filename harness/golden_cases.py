"""Reads files of golden cases: recorded inputs and outputs of upstream's functions, one JSON object
a line; harness/conformance.py repeats them."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.cards.golden import GoldenFunction
from harness.errors import DataError
from harness.rewards import Sample

SAMPLE_FIELDS = {
    "prompt": "prompt",
    "response": "response",
    "ground_truth": "ground_truth",
    "response_tokens": "response_tokens",
    "truncated": "truncated",
    "ids": "token_ids",
}
"""Inputs of a case, or of one of its rollouts, and the field of the Sample that they are; any other
input is a keyword argument of the function."""
GROUP_FIELDS = {"responses": "response", "completion_tokens": "response_tokens"}
"""Inputs that list a field of the Sample for every member of a group; the rest is shared."""
ROLLOUTS = "rollouts"
"""Input that lists the responses of a whole step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded verdict."""

    name: str
    function: str
    samples: tuple[Sample, ...] = ()
    """The response, or all responses of a group or of a step; none for a plain function."""
    base_scores: tuple[float | None, ...] = ()
    """Of a step's responses: the scores that upstream started from, if recorded."""
    groups: tuple[str, ...] | None = None
    """The group of every response of a step; null for cases of one response or one group."""
    is_group: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the function; for a plain one, all inputs."""
    output: tuple[float, ...] | None
    """What upstream gave, a number as a list of one; None where it gave nothing."""
    failure: str | None
    """Why it gave nothing: its exception type, timeout, or `returned None`."""
    note: str


def read_cases(path: Path, functions: Mapping[str, GoldenFunction]) -> Iterator[Case | str]:
    """The cases of a file; of one whose function is not among `functions`, only that name."""
    if not path.is_file():
        raise DataError(f"{path}: no such file of golden cases; set cases=<file.jsonl>")
    lines = path.read_text(encoding="utf-8").split("\n")
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: holds no cases; expected one JSON object a line")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _read_case(line, f"{path}:{number}", functions)


def _read_case(line: str, where: str, functions: Mapping[str, GoldenFunction]) -> Case | str:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is not JSON ({error})") from error
    if not _well_formed(entry):
        raise DataError(
            f"{where}: {line.strip()[:60]!r}...; a case is an object with case (text), "
            "function (text), input (an object), output and, optionally, note"
        )
    function, inputs = functions.get(entry["function"]), entry["input"]
    if function is None:
        return str(entry["function"])
    made = {"arguments": inputs} if function.plain else _samples(inputs, where)
    lists = function.plain or bool(made.get("is_group"))
    output, failure = _output(entry["output"], where, may_be_list=lists)
    return Case(
        name=entry["case"],
        function=entry["function"],
        output=output,
        failure=failure,
        note=str(entry.get("note", "")),
        **made,
    )


def _well_formed(entry: Any) -> bool:
    """Does the line have the keys of a case, of the right types?"""
    kinds = {"case": str, "function": str, "input": dict}
    return (
        isinstance(entry, dict)
        and "output" in entry
        and all(isinstance(entry.get(key), kind) for key, kind in kinds.items())
    )


def _samples(inputs: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The responses of a case and what else its function is given, as fields of Case."""
    if ROLLOUTS in inputs:
        return _step(inputs, where)
    lists = [key for key in GROUP_FIELDS if key in inputs]
    shared = {key: inputs[key] for key in SAMPLE_FIELDS if key in inputs}
    return {
        "samples": _group(inputs, lists, shared, where) if lists else _one(inputs, shared, where),
        "is_group": bool(lists),
        "arguments": {k: v for k, v in inputs.items() if k not in (*SAMPLE_FIELDS, *lists)},
    }


def _one(inputs: Mapping[str, Any], shared: Mapping[str, Any], where: str) -> tuple[Sample, ...]:
    if not isinstance(inputs.get("response"), str):
        raise DataError(
            f"{where}: input.response is {inputs.get('response')!r:.60}; expected text, for a "
            f"group one of the lists {', '.join(GROUP_FIELDS)}, for a whole step the list "
            f"{ROLLOUTS}; a function of other inputs is `plain: true` in card.golden"
        )
    return (_sample(shared),)


def _group(
    inputs: Mapping[str, Any], lists: Sequence[str], shared: Mapping[str, Any], where: str
) -> tuple[Sample, ...]:
    if not all(isinstance(inputs[key], list) and inputs[key] for key in lists) or (
        len({len(inputs[key]) for key in lists}) > 1
    ):
        raise DataError(
            f"{where}: input.{', input.'.join(lists)} must be lists with one entry for each "
            "member of the group"
        )
    names = [GROUP_FIELDS[key] for key in lists]
    members = zip(*(inputs[key] for key in lists), strict=True)
    return tuple(_sample({**shared, **dict(zip(names, member, strict=True))}) for member in members)


def _step(inputs: Mapping[str, Any], where: str) -> dict[str, Any]:
    rollouts = inputs[ROLLOUTS]
    if not (isinstance(rollouts, list) and rollouts and all(isinstance(r, dict) for r in rollouts)):
        raise DataError(
            f"{where}: input.{ROLLOUTS} must list the responses of a step as objects with any of "
            f"group, base_score, {', '.join(SAMPLE_FIELDS)}"
        )
    return {
        "samples": tuple(_sample(rollout) for rollout in rollouts),
        "base_scores": tuple(rollout.get("base_score") for rollout in rollouts),
        "groups": tuple(str(rollout.get("group", "")) for rollout in rollouts),
        "is_group": True,
        "arguments": {key: value for key, value in inputs.items() if key != ROLLOUTS},
    }


def _sample(inputs: Mapping[str, Any]) -> Sample:
    fields = {SAMPLE_FIELDS[key]: inputs[key] for key in SAMPLE_FIELDS if key in inputs}
    if "token_ids" in fields:
        fields["token_ids"] = tuple(fields["token_ids"])
    return Sample(**{"prompt": "", "response": "", "ground_truth": None, **fields})


def _output(
    output: Any, where: str, *, may_be_list: bool
) -> tuple[tuple[float, ...] | None, str | None]:
    """Upstream's numbers, or why there are none."""
    numbers = output if may_be_list and isinstance(output, list) else [output]
    if all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        return tuple(map(float, numbers)), None
    if output is None:
        return None, "returned None"
    if isinstance(output, dict) and list(output) == ["error"]:
        return None, str(output["error"])
    raise DataError(
        f"{where}: output is {output!r:.60}; expected a number, null or "
        '{"error": type}; lists come from functions over a group or a step, whose input lists the '
        "responses, and from functions that card.golden calls plain"
    )
