"""Makes the problems of generated benchmarks, the same on every machine; load.py caches them."""

import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from evals.benchmarks.cards import BenchmarkCard, GeneratedSource
from evals.benchmarks.problems import Problem, Row, to_problem
from harness.data import generators
from harness.errors import DataError

KNIGHT_AND_KNAVE = ("knight", "knave")
FORMAT_HINT = re.compile(r"\s*\(Format your answer like: .*\)\s*$", re.DOTALL)


def generate(card: BenchmarkCard, source: GeneratedSource) -> list[Problem]:
    """The problems of a generated benchmark; needs reasoning-gym.

    Raises:
        DataError: reasoning-gym is not installed.
    """
    try:
        rows = GENERATORS[source.generator](card.rows, source.seed, **source.arguments)
    except ModuleNotFoundError as error:
        raise DataError(
            f"{source.where}: needs {error.name}; pip install 'reprise[train]' brings it"
        ) from error
    numbered = ({"id": f"{card.name}-{index:04d}", **row} for index, row in enumerate(rows))
    return [to_problem(row, card, source.where) for row in numbered]


def countdown(rows: int, seed: int, *, problem: str, **ranges: Any) -> list[Row]:
    """Countdown problems of the test split: no training data made here ever holds one of them."""
    made = generators.countdown(rows, seed=seed, split="test", **ranges)
    return [{"problem": problem.format(**row), **row} for row in made]


def knights_and_knaves(rows: int, seed: int, *, people: Sequence[int], request: str) -> list[Row]:
    """Equally many puzzles for each number of people, each with one solution."""
    share, rest = divmod(rows, len(people))
    if rest:
        raise DataError(f"{rows} puzzles do not divide into {len(people)} numbers of people")
    return [row for size in people for row in islanders(share, seed, size, request)]


def islanders(rows: int, seed: int, people: int, request: str) -> list[Row]:
    """Different puzzles with so many people, all about knights and knaves.

    reasoning-gym draws one of seven pairs of words (saints and sinners, ...); graders and training
    sets of this task know only knights and knaves.
    """
    from reasoning_gym.logic.knights_knaves import KnightsKnavesConfig, KnightsKnavesDataset

    # reasoning-gym seeds item i with seed + i: neighbouring seeds would share items.
    start = generators.stable_hash((seed, people)) % 2**31
    dataset = KnightsKnavesDataset(KnightsKnavesConfig(n_people=people, seed=start))
    found: dict[str, Row] = {}
    for index in count():
        item = dataset[index]
        terms = item["metadata"]["knight_knave_terms"]
        if (terms["knight"], terms["knave"]) == KNIGHT_AND_KNAVE:
            puzzle = FORMAT_HINT.sub("", item["question"])
            found.setdefault(puzzle, islander_row(puzzle, item["metadata"], request))
        if len(found) == rows:
            return list(found.values())
    raise AssertionError("count() never ends")


def islander_row(puzzle: str, metadata: dict[str, Any], request: str) -> Row:
    """One puzzle; its answer is one numbered statement a line."""
    names = [str(name) for name in metadata["names"]]
    solution = [bool(knight) for knight in metadata["solution"]]
    statements = [
        f"({number}) {name} is a {'knight' if knight else 'knave'}"
        for number, (name, knight) in enumerate(zip(names, solution, strict=True), start=1)
    ]
    return {
        "problem": f"{puzzle}\n{request}",
        "answer": "\n".join(statements),
        "names": names,
        "solution": solution,
    }


GENERATORS: dict[str, Callable[..., list[Row]]] = {
    "countdown": countdown,
    "knights_and_knaves": knights_and_knaves,
}
