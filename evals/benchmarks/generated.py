"""Makes the problems of generated benchmarks, the same on every machine; load.py caches them."""

from collections.abc import Callable, Sequence
from typing import Any

from evals.benchmarks.cards import BenchmarkCard, GeneratedSource
from evals.benchmarks.problems import Problem, Row, to_problem
from harness.data import generators
from harness.data.generators.puzzles import numbered_solution, puzzle_items, quiz_of
from harness.errors import DataError

KNIGHT_AND_KNAVE = ("knight", "knave")


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

    reasoning-gym draws one of seven pairs of words (saints and sinners, ...); puzzles with another
    pair are passed over, and that choice is part of the pinned content.
    """
    # reasoning-gym seeds item i with seed + i: neighbouring seeds would share items.
    start = generators.stable_hash((seed, people)) % 2**31
    found: dict[str, Row] = {}
    for item in puzzle_items(people, start):
        terms = item["metadata"]["knight_knave_terms"]
        if (terms["knight"], terms["knave"]) == KNIGHT_AND_KNAVE:
            puzzle = quiz_of(item)
            found.setdefault(puzzle, islander_row(puzzle, item["metadata"], request))
        if len(found) == rows:
            return list(found.values())
    raise AssertionError("the stream never ends")


def islander_row(puzzle: str, metadata: dict[str, Any], request: str) -> Row:
    """One puzzle; its answer is one numbered statement a line."""
    names = [str(name) for name in metadata["names"]]
    solution = [bool(knight) for knight in metadata["solution"]]
    return {
        "problem": f"{puzzle}\n{request}",
        "answer": numbered_solution(names, solution),
        "names": names,
        "solution": solution,
    }


GENERATORS: dict[str, Callable[..., list[Row]]] = {
    "countdown": countdown,
    "knights_and_knaves": knights_and_knaves,
}
