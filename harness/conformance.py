"""Scorers here against recorded verdicts of upstream's; the conformance action and tests use it.

A case holds one response and its score, or a whole group of responses and the list of their scores.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cards import Card
from harness.errors import DataError
from harness.functions import function_named
from harness.rewards import Sample, Score, Scored

Scorer = Callable[..., Score | list[float]]
"""A scorer of one response, or a function over a group."""

TOLERANCE = 1e-5
SAMPLE_FIELDS = ("prompt", "response", "ground_truth", "response_tokens", "truncated")
"""Inputs of a case that go into the Sample; any other input is a keyword argument of the scorer."""
GROUP_FIELDS = {"responses": "response", "completion_tokens": "response_tokens"}
"""Inputs that list a field of the Sample for every member of a group; the rest is shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded verdict."""

    name: str
    function: str
    samples: tuple[Sample, ...]
    """The response; for a function over a group, all of its responses."""
    is_group: bool
    arguments: dict[str, Any]
    output: tuple[float, ...] | None
    """Upstream's score, or scores of a group; None where upstream gave none."""
    failure: str | None
    """Why upstream gave none: its exception type, timeout, or `returned None`."""
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A case on which the two scorers differ."""

    case: str
    function: str
    ours: str
    theirs: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """The outcome of one file of cases."""

    path: Path
    cases: int
    """Cases compared."""
    agree: int
    upstream_fails: int
    """Cases among them where upstream gave no score; we agree by giving one without raising."""
    functions: dict[str, int]
    """Cases compared, by function."""
    uncovered: dict[str, int]
    """Cases left out because the card names no scorer for their function."""
    disagreements: tuple[Disagreement, ...]


def conform(cases_path: Path, card: Card) -> Conformance:
    """Scores every case of the file with the card's scorers and compares.

    Raises:
        DataError: the file is missing, empty or malformed (with file:line).
        ConfigError: the card names a scorer that cannot be imported.
    """
    scorers = {name: find_scorer(reference) for name, reference in card.golden.items()}
    cases = list(read_cases(cases_path, card))
    compared = [case for case in cases if isinstance(case, Case)]
    if not compared:
        raise DataError(
            f"{cases_path}: no case can be compared; its functions are "
            f"{', '.join(sorted(set(map(str, cases))))}, the card of {card.id} has scorers for "
            f"{', '.join(card.golden) or 'none'}"
        )
    differences = [compare(case, scorers[case.function]) for case in compared]
    disagreements = tuple(difference for difference in differences if difference)
    return Conformance(
        path=cases_path,
        cases=len(compared),
        agree=len(compared) - len(disagreements),
        upstream_fails=sum(case.failure is not None for case in compared),
        functions=dict(Counter(case.function for case in compared)),
        uncovered=dict(Counter(case for case in cases if isinstance(case, str))),
        disagreements=disagreements,
    )


def find_scorer(reference: str) -> Scorer:
    """The function behind `module:function`."""
    scorer: Scorer = function_named(reference, "card.golden")
    return scorer


def read_cases(path: Path, card: Card) -> Iterator[Case | str]:
    """The cases of a file; for a function without a scorer only its name."""
    if not path.is_file():
        raise DataError(f"{path}: no such file of golden cases; set cases=<file.jsonl>")
    lines = path.read_text(encoding="utf-8").split("\n")
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: holds no cases; expected one JSON object a line")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield read_case(line, f"{path}:{number}", card)


def read_case(line: str, where: str, card: Card) -> Case | str:
    """The case on one line; the name of its function if the card has no scorer for it."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is not JSON ({error})") from error
    if not well_formed(entry):
        raise DataError(
            f"{where}: {line.strip()[:60]!r}...; a case is an object with case (text), "
            "function (text), input (an object), output and, optionally, note"
        )
    if entry["function"] not in card.golden:
        return str(entry["function"])
    inputs = entry["input"]
    lists = [key for key in GROUP_FIELDS if key in inputs]
    output, failure = read_output(entry["output"], where, is_group=bool(lists))
    return Case(
        name=entry["case"],
        function=entry["function"],
        samples=read_samples(inputs, lists, where),
        is_group=bool(lists),
        arguments={k: v for k, v in inputs.items() if k not in (*SAMPLE_FIELDS, *lists)},
        output=output,
        failure=failure,
        note=str(entry.get("note", "")),
    )


def read_samples(inputs: dict[str, Any], lists: list[str], where: str) -> tuple[Sample, ...]:
    """The one response of a case, or the members of its group."""
    shared = {"prompt": "", "ground_truth": None} | {
        key: inputs[key] for key in SAMPLE_FIELDS if key in inputs
    }
    if not lists:
        if not isinstance(inputs.get("response"), str):
            raise DataError(
                f"{where}: input.response is {inputs.get('response')!r:.60}; expected text, or "
                f"for a group one of the lists {', '.join(GROUP_FIELDS)}"
            )
        return (Sample(**shared),)
    if not all(isinstance(inputs[key], list) and inputs[key] for key in lists) or (
        len({len(inputs[key]) for key in lists}) > 1
    ):
        raise DataError(
            f"{where}: input.{', input.'.join(lists)} must be lists with one entry for each "
            "member of the group"
        )
    members = zip(*(inputs[key] for key in lists), strict=True)
    names = [GROUP_FIELDS[key] for key in lists]
    return tuple(
        Sample(**{"response": "", **shared, **dict(zip(names, member, strict=True))})
        for member in members
    )


def well_formed(entry: Any) -> bool:
    """Does the line have the keys of a case, of the right types?"""
    kinds = {"case": str, "function": str, "input": dict}
    return (
        isinstance(entry, dict)
        and "output" in entry
        and all(isinstance(entry.get(key), kind) for key, kind in kinds.items())
    )


def read_output(
    output: Any, where: str, *, is_group: bool
) -> tuple[tuple[float, ...] | None, str | None]:
    """Upstream's scores, or why there are none."""
    scores = output if is_group and isinstance(output, list) else [output]
    if all(isinstance(score, int | float) and math.isfinite(score) for score in scores):
        return tuple(map(float, scores)), None
    if output is None:
        return None, "returned None"
    if isinstance(output, dict) and list(output) == ["error"]:
        return None, str(output["error"])
    raise DataError(
        f"{where}: output is {output!r:.60}; expected a number, null or "
        '{"error": type}; lists come from group functions, whose input lists the responses'
    )


def compare(case: Case, scorer: Scorer) -> Disagreement | None:
    """The difference between the two verdicts on one case; None when they agree."""
    theirs = f"no score ({case.failure})" if case.output is None else shown(case.output)
    try:
        values = scores_of(case, scorer)
    except Exception as error:  # whatever a scorer does wrong is a finding, not the end of the run
        ours = f"raised {type(error).__name__}: {error}"
    else:
        if all(map(math.isfinite, values)) and (case.output is None or near(values, case.output)):
            return None
        ours = shown(values)
    return Disagreement(
        case=case.name, function=case.function, ours=ours, theirs=theirs, note=case.note
    )


def scores_of(case: Case, scorer: Scorer) -> tuple[float, ...]:
    """What our scorer gives: one value, or one for each member of the group.

    A function over a group judges its members itself: they come with a score of 0, not correct.
    """
    if case.is_group:
        unscored = Score(value=0.0, correct=False)
        group = [Scored(sample=sample, score=unscored) for sample in case.samples]
        found: Any = scorer(group, **case.arguments)
        return tuple(found)
    single: Any = scorer(case.samples[0], **case.arguments)
    return (single.value,)


def near(values: tuple[float, ...], output: tuple[float, ...]) -> bool:
    """Are they the same, element by element, within the tolerance?"""
    return len(values) == len(output) and all(
        abs(ours - theirs) <= TOLERANCE for ours, theirs in zip(values, output, strict=True)
    )


def shown(values: tuple[float, ...]) -> str:
    """A score, or a list of scores, as text."""
    numbers = [f"{value:g}" for value in values]
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"


def report(result: Conformance) -> str:
    """The outcome in text: how many agree, of what, and every disagreement."""
    lines = [f"{result.agree} of {result.cases} agree ({result.path})"]
    lines += [f"  {name}: {count} cases" for name, count in sorted(result.functions.items())]
    if result.upstream_fails:
        lines.append(
            f"  of which {result.upstream_fails} where upstream itself gives no score: "
            "agreement means that ours gives one"
        )
    lines += [
        f"  not compared: {count} cases of {name!r}, for which the card names no scorer"
        for name, count in sorted(result.uncovered.items())
    ]
    lines += [
        f"  {d.case} ({d.function}): ours {d.ours}, upstream {d.theirs}; {d.note or 'no note'}"
        for d in result.disagreements
    ]
    return "\n".join(lines)
