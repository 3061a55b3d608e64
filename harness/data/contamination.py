"""Overlap of a training set with the benchmarks, for the line beside each score.

For text: the share of problems with at least one run of 8 or 13 words in common with a training
row, after Brown et al. 2020 (13) and Touvron et al. 2023 (8). Puzzles that fill one template share
all their sentences, so countdown compares numbers and target, knights and knaves what is said.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from evals.benchmarks import Loaded, Problem, describe
from harness.data import shared_grams
from harness.data.shared_grams import NOT_SEEN, SharedGrams, words
from harness.files import write_text
from harness.spec import Part

SIZES = (8, 13)
EXAMPLES = 5
COMMON_SHARE = 0.005
COMMON_ROWS = 20
"""A run of words in more rows than this and than COMMON_SHARE of all is no sign of a leaked
problem: it is the prompt's template, or a phrase such as "where m and n are relatively prime"."""

Key = tuple[object, ...]


class Example(Part):
    """One problem of which a part was found in the training set."""

    problem: str
    """Id of the problem."""
    row: int
    """Index of the first training row with it, from 0."""
    text: str
    """The words in common, as compared."""
    exact: bool
    """The whole problem occurs in the row."""

    def sentence(self) -> str:
        """The example in words."""
        kind = "whole" if self.exact else "in part"
        return f"{self.problem} is {kind} in training row {self.row}: {self.text[:160]}"


class Overlap(Part):
    """What one benchmark shares with one training set."""

    benchmark: str
    """Name of the benchmark."""
    problems: int
    """Its problems."""
    rows: int
    """Different training rows."""
    exact: int
    """Problems that occur whole in a row."""
    share_8: float
    """Share of problems with 8 words in a row in common (shorter problems: the whole)."""
    share_13: float
    """Share of problems with 13 words in a row in common (shorter problems: the whole)."""
    examples: tuple[Example, ...]
    """The worst cases: whole problems first, then the longest runs."""


def overlaps(
    train_texts: Iterable[str],
    fingerprint: str,
    benchmarks: Sequence[Loaded],
    cache_folder: Path,
) -> dict[str, Overlap]:
    """What each benchmark shares with a training set.

    Args:
        train_texts: Prompt of every training row; not touched when all answers are cached.
        fingerprint: Digest of the training set (of its manifest).
        benchmarks: Problems as evals.benchmarks.load_problems gives them.
        cache_folder: Answers are kept here as one JSON file for each benchmark.
    """
    paths = {b.name: cache_folder / cache_name(fingerprint, b) for b in benchmarks}
    found = {name: overlap for name, path in paths.items() if (overlap := cached(path))}
    missing = [benchmark for benchmark in benchmarks if benchmark.name not in found]
    for overlap in measure(train_texts, missing) if missing else ():
        write_text(paths[overlap.benchmark], overlap.model_dump_json(indent=1) + "\n")
        found[overlap.benchmark] = overlap
    return {benchmark.name: found[benchmark.name] for benchmark in benchmarks}


def cache_name(fingerprint: str, benchmark: Loaded) -> str:
    """File name of an answer: it changes with both sets and with the way of comparing."""
    code = b"".join(Path(str(file)).read_bytes() for file in (__file__, shared_grams.__file__))
    parts = json.dumps([fingerprint, benchmark.sha256, sha256(code).hexdigest()])
    return f"contamination-{benchmark.name}-{sha256(parts.encode()).hexdigest()[:16]}.json"


def cached(path: Path) -> Overlap | None:
    """An answer on disk; None when there is none that can be read."""
    try:
        return Overlap.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def measure(train_texts: Iterable[str], benchmarks: Sequence[Loaded]) -> list[Overlap]:
    """What each benchmark shares with the training texts, in one pass over them."""
    puzzles = [(b, KEYS[describe(b.name).task]) for b in benchmarks if puzzle(b)]
    plain = [benchmark for benchmark in benchmarks if not puzzle(benchmark)]
    sought = PuzzleRows([(b.name, p, keys) for b, keys in puzzles for p in b.problems])
    grams = SharedGrams([p.problem for b in plain for p in b.problems], SIZES)
    grams.look_at(sought.noting(train_texts))
    answers = {b.name: of_puzzles(b, sought.rows, grams.rows) for b, _ in puzzles}
    start = 0
    for benchmark in plain:
        answers[benchmark.name] = of_texts(benchmark, grams, start)
        start += len(benchmark.problems)
    return [answers[benchmark.name] for benchmark in benchmarks]


def puzzle(benchmark: Loaded) -> bool:
    """Whether the problems fill one template."""
    return describe(benchmark.name).task in KEYS


def of_texts(benchmark: Loaded, grams: SharedGrams, start: int) -> Overlap:
    """The answer for a benchmark whose first problem is reference text `start`."""
    limit = max(COMMON_ROWS, COMMON_SHARE * grams.rows)
    share = dict.fromkeys(SIZES, 0)
    examples: list[Example] = []
    exact = 0
    for index, problem in enumerate(benchmark.problems, start=start):
        whole = grams.whole.get(index)
        exact += whole is not None
        longest: list[str] = []
        row = NOT_SEEN
        for size in SIZES:
            n, rows, first = grams.runs_of(index, size)
            shared = [
                seen if 0 < count <= limit or whole is not None else NOT_SEEN
                for count, seen in zip(rows.tolist(), first.tolist(), strict=True)
            ]
            share[size] += any(seen != NOT_SEEN for seen in shared)
            if size == SIZES[0]:
                longest, row = longest_run(words(problem.problem), shared, n)
        if longest:
            text = problem.problem if whole is not None else " ".join(longest)
            place = row if whole is None else whole
            examples.append(
                Example(problem=problem.id, row=place, text=text, exact=whole is not None)
            )
    count = len(benchmark.problems)
    return Overlap(
        benchmark=benchmark.name,
        problems=count,
        rows=grams.rows,
        exact=exact,
        share_8=share[8] / count,
        share_13=share[13] / count,
        examples=worst(examples),
    )


def longest_run(split: Sequence[str], shared: Sequence[int], n: int) -> tuple[list[str], int]:
    """The longest stretch of words whose runs of n all come from one row, and that row."""
    best: tuple[int, int] = (0, 0)
    start = 0
    for position, row in enumerate(shared):
        if row == NOT_SEEN or row != shared[start]:
            start = position
        if row != NOT_SEEN and position + 1 - start > best[1] - best[0]:
            best = (start, position + 1)
    if best == (0, 0):
        return [], NOT_SEEN
    return list(split[best[0] : best[1] - 1 + n]), shared[best[0]]


def worst(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The cases to show first."""
    ordered = sorted(examples, key=lambda e: (not e.exact, -len(e.text), e.problem))
    return tuple(ordered[:EXAMPLES])


class PuzzleRows:
    """The training rows that hold a puzzle, noted while the rows pass by."""

    def __init__(
        self, sought: Sequence[tuple[str, Problem, Callable[[str], Iterator[Key]]]]
    ) -> None:
        self.readers = {keys for _, _, keys in sought}
        self.wanted: dict[Key, list[tuple[str, str]]] = {}
        for benchmark, problem, keys in sought:
            key = next(keys(problem.problem), None)
            if key is not None:
                self.wanted.setdefault(key, []).append((benchmark, problem.id))
        self.rows: dict[tuple[str, str], int] = {}
        """(benchmark, problem) -> index of the first row with it."""

    def noting(self, texts: Iterable[str]) -> Iterator[str]:
        """The texts as they come."""
        for index, text in enumerate(texts):
            for reader in self.readers:
                for key in reader(text):
                    for problem in self.wanted.get(key, ()):
                        self.rows.setdefault(problem, index)
            yield text


def of_puzzles(benchmark: Loaded, found: Mapping[tuple[str, str], int], rows: int) -> Overlap:
    """The answer for puzzles: one is in the training set or is not."""
    examples = [
        Example(problem=p.id, row=found[benchmark.name, p.id], text=p.problem, exact=True)
        for p in benchmark.problems
        if (benchmark.name, p.id) in found
    ]
    share = len(examples) / len(benchmark.problems)
    return Overlap(
        benchmark=benchmark.name,
        problems=len(benchmark.problems),
        rows=rows,
        exact=len(examples),
        share_8=share,
        share_13=share,
        examples=worst(examples),
    )
