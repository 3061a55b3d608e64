"""Training rows that pose a benchmark's problem, by the measure that contamination.py reports;
preparation leaves them out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from evals.benchmarks import Loaded, load_problems
from harness.data.contamination import telling_rows
from harness.data.puzzle_rows import PuzzleRows, is_puzzle, puzzles_in
from harness.data.shared_grams import NOT_SEEN, Codes, SharedGrams, hashes, words
from harness.errors import ConfigError, DataError

SIZE = 13
"""Words in a row that make a row share a problem (Brown et al. 2020); shorter problems: all."""


def load_benchmarks(names: Sequence[str], folder: Path | None) -> list[Loaded]:
    """The benchmarks of data.decontaminate.

    Raises:
        DataError: one does not exist, or its problems are not at hand; says how to provide them.
    """
    found = []
    for name in names:
        try:
            found.append(load_problems(name, folder))
        except (ConfigError, DataError) as error:
            raise DataError(
                f"data.decontaminate names {name}, and training rows cannot be compared with it: "
                f"{error}. data.decontaminate=[] prepares the data without looking"
            ) from error
    return found


def tainted(texts: Sequence[str], benchmarks: Sequence[Loaded]) -> dict[int, str]:
    """Index of a text -> id of a problem that it shares, for every text that shares one.

    A text shares a problem when it holds the whole problem, or 13 words in a row of it that are no
    common phrase; a puzzle, when it poses the same one.
    """
    puzzles = [benchmark for benchmark in benchmarks if is_puzzle(benchmark)]
    plain = [benchmark for benchmark in benchmarks if not is_puzzle(benchmark)]
    return dict(same_puzzles(texts, puzzles)) | (dict(same_words(texts, plain)) if plain else {})


def same_puzzles(texts: Sequence[str], benchmarks: Sequence[Loaded]) -> Iterator[tuple[int, str]]:
    """Texts that pose a puzzle of the benchmarks, with the puzzle's id."""
    wanted = PuzzleRows(benchmarks).wanted
    for index, text in enumerate(texts if wanted else ()):
        for key in puzzles_in(text):
            if key in wanted:
                yield index, wanted[key][0][1]


def same_words(texts: Sequence[str], benchmarks: Sequence[Loaded]) -> Iterator[tuple[int, str]]:
    """Texts that share words with a problem, with its id."""
    problems = [problem for benchmark in benchmarks for problem in benchmark.problems]
    grams = SharedGrams([problem.problem for problem in problems], [SIZE])
    grams.look_at(texts)
    telling: dict[int, int] = {}
    start = 0
    for benchmark in benchmarks:
        places = range(start, start + len(benchmark.problems))
        start = places.stop
        for place, rows in telling_rows(grams, places, SIZE).items():
            runs = grams.runs_of(place, SIZE).hashes
            telling |= {run: place for run, row in zip(runs, rows, strict=True) if row != NOT_SEEN}
    sought = np.array(sorted(telling), dtype=np.uint64)
    wholes = [(place, grams.texts[place]) for place in grams.whole]
    if not telling and not wholes:
        return
    for index, text in enumerate(texts):
        codes = grams.encode(words(text))
        for _, found in hashes(codes, tuple(grams.grams)):
            if len(hits := found[np.isin(found, sought)]):
                yield index, problems[telling[int(hits[0])]].id
                break
        else:
            for place, whole in wholes:
                if holds(codes, whole):
                    yield index, problems[place].id
                    break


def holds(codes: Codes, part: Codes) -> bool:
    """Does one run of words stand in another?"""
    starts = np.flatnonzero(codes[: len(codes) - len(part) + 1] == part[0])
    return any(np.array_equal(codes[start : start + len(part)], part) for start in starts)
