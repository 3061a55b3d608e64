"""Scorers here against recorded verdicts of upstream's; the conformance action and tests use it.

Cases come from harness/golden_cases.py; the card says how each of their functions is called here.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cards import Card
from harness.cards.golden import GoldenFunction
from harness.errors import DataError
from harness.functions import function_named
from harness.golden_cases import Case, read_cases
from harness.rewards import Batch, Sample, Score, Scored

Scorer = Callable[..., Any]
"""What card.golden names: see harness.cards.golden.GoldenFunction."""

TOLERANCE = 1e-5
UNSCORED = Score(value=0.0, correct=False)
"""What the members of a group come with where nothing scores them first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What is called in the place of an upstream function."""

    entry: GoldenFunction
    function: Scorer
    score: Scorer | None
    """Scores the members of a group or a step first."""


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
    called = {name: find_called(entry) for name, entry in card.golden.items()}
    cases = list(read_cases(cases_path, card.golden))
    compared = [case for case in cases if isinstance(case, Case)]
    if not compared:
        raise DataError(
            f"{cases_path}: no case can be compared; its functions are "
            f"{', '.join(sorted(set(map(str, cases))))}, the card of {card.id} has scorers for "
            f"{', '.join(card.golden) or 'none'}"
        )
    differences = [compare(case, called[case.function]) for case in compared]
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


def find_called(entry: GoldenFunction) -> Called:
    """Imports what an entry of card.golden names."""
    return Called(
        entry=entry,
        function=find_scorer(entry.function),
        score=find_scorer(entry.score) if entry.score else None,
    )


def find_scorer(reference: str) -> Scorer:
    """The function behind `module:function`."""
    scorer: Scorer = function_named(reference, "card.golden")
    return scorer


def compare(case: Case, called: Called) -> Disagreement | None:
    """The difference between the two verdicts on one case; None when they agree."""
    theirs = f"no score ({case.failure})" if case.output is None else shown(case.output)
    try:
        values = values_of(case, called)
    except Exception as error:  # whatever a scorer does wrong is a finding, not the end of the run
        ours = f"raised {type(error).__name__}: {error}"
    else:
        if agree(values, case, plain=called.entry.plain):
            return None
        ours = "None" if values is None else shown(values)
    return Disagreement(
        case=case.name, function=case.function, ours=ours, theirs=theirs, note=case.note
    )


def agree(values: tuple[float, ...] | None, case: Case, *, plain: bool) -> bool:
    """Are the two verdicts the same? Where upstream scores nothing, any finite score is right; what
    a plain function returns is no score, and its None is compared like everything else."""
    if values is None or (plain and case.failure == "returned None"):
        return values is None and case.failure == "returned None"
    if not all(map(math.isfinite, values)):
        return False
    return case.output is None or near(values, case.output)


def values_of(case: Case, called: Called) -> tuple[float, ...] | None:
    """What our function gives: one number, or one for each response in the order of the case."""
    if called.entry.plain:
        found = called.function(**case.arguments)
        if found is None:
            return None
        return tuple(map(float, found if isinstance(found, list | tuple) else [found]))
    if case.groups is not None:
        return _rewards_of_step(case, case.groups, called)
    if case.is_group:
        group = [_scored(sample, None, called.score) for sample in case.samples]
        return tuple(called.function(group, **case.arguments))
    return (called.function(case.samples[0], **case.arguments).value,)


def _rewards_of_step(case: Case, groups: tuple[str, ...], called: Called) -> tuple[float, ...]:
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    scored = [
        _scored(sample, base_score, called.score)
        for sample, base_score in zip(case.samples, case.base_scores, strict=True)
    ]
    kept = called.entry.state
    arguments = {name: value for name, value in case.arguments.items() if name not in kept}
    step = [[scored[place] for place in places] for places in members.values()]
    if called.entry.per_group:
        rewards = [called.function(group, **arguments) for group in step]
    else:
        given = case.arguments
        state = {name: given[key] for key, name in kept.items() if key in given}
        rewards = called.function(Batch(groups=step, step=1, state=state), **arguments)
    placed: dict[int, float] = {}
    for places, given in zip(members.values(), rewards, strict=True):
        placed |= zip(places, given, strict=True)
    return tuple(placed[place] for place in range(len(groups)))


def _scored(sample: Sample, base_score: float | None, score: Scorer | None) -> Scored:
    if score is not None:
        return Scored(sample=sample, score=score(sample))
    if base_score is None:
        return Scored(sample=sample, score=UNSCORED)
    return Scored(sample=sample, score=Score(value=base_score, correct=base_score > 0))


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
