"""Overlap of a training set with the benchmarks, for the line beside each score.

For text: the share of problems with at least one run of 8 or 13 words in common with a training
row, after Brown et al. 2020 (13) and Touvron et al. 2023 (8). Puzzles that fill one template share
all their sentences, so countdown compares numbers and target, knights and knaves what is said.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from pydantic import ValidationError

from evals.benchmarks import Loaded
from harness.data import puzzle_rows, shared_grams
from harness.data.puzzle_rows import Place, PuzzleRows, is_puzzle
from harness.data.shared_grams import NOT_SEEN, SharedGrams, words
from harness.files import write_text
from harness.spec import Part

SIZES = (8, 13)
EXAMPLES = 5
COMMON_ROWS = 20, 0.005
COMMON_PROBLEMS = 2, 0.05
"""A run of words in more rows, or in more problems of the benchmark, than both the number and the
share is no sign of a leaked problem. It is the prompt's template, which every row repeats, or a
phrase of the trade such as "where m and n are relatively prime positive integers, find m + n"."""


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
    files = (__file__, shared_grams.__file__, puzzle_rows.__file__)
    code = b"".join(Path(file).read_bytes() for file in files)
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
    puzzles = [benchmark for benchmark in benchmarks if is_puzzle(benchmark)]
    plain = [benchmark for benchmark in benchmarks if not is_puzzle(benchmark)]
    sought = PuzzleRows(puzzles)
    grams = SharedGrams([p.problem for b in plain for p in b.problems], SIZES)
    grams.look_at(sought.noting(train_texts))
    answers = {b.name: of_puzzles(b, sought.rows, grams.rows) for b in puzzles}
    start = 0
    for benchmark in plain:
        answers[benchmark.name] = of_texts(benchmark, grams, start)
        start += len(benchmark.problems)
    return [answers[benchmark.name] for benchmark in benchmarks]


def of_texts(benchmark: Loaded, grams: SharedGrams, start: int) -> Overlap:
    """The answer for a benchmark whose first problem is reference text `start`."""
    places = range(start, start + len(benchmark.problems))
    telling = {size: telling_rows(grams, places, size) for size in SIZES}
    hits = dict.fromkeys(SIZES, 0)
    examples: list[Example] = []
    for place, problem in zip(places, benchmark.problems, strict=True):
        whole = grams.whole.get(place)
        for size in SIZES:
            hits[size] += whole is not None or any(row != NOT_SEEN for row in telling[size][place])
        split = words(problem.problem)
        if whole is not None:
            text = " ".join(split)
            examples.append(Example(problem=problem.id, row=whole, text=text, exact=True))
        elif run := longest_run(telling[SIZES[0]][place]):
            first, last = run
            row = telling[SIZES[0]][place][first]
            text = " ".join(split[first : last + min(SIZES[0], len(split))])
            examples.append(Example(problem=problem.id, row=row, text=text, exact=False))
    count = len(benchmark.problems)
    return Overlap(
        benchmark=benchmark.name,
        problems=count,
        rows=grams.rows,
        exact=sum(example.exact for example in examples),
        share_8=hits[8] / count,
        share_13=hits[13] / count,
        examples=worst(examples),
    )


def telling_rows(grams: SharedGrams, places: range, size: int) -> dict[int, list[int]]:
    """For each reference text and each of its runs: the first row with it, or NOT_SEEN.

    Runs in common use count as not seen.
    """
    runs = {place: grams.runs_of(place, size) for place in places}
    problems = Counter(run for own in runs.values() for run in set(own.hashes))
    most_problems = max(COMMON_PROBLEMS[0], COMMON_PROBLEMS[1] * len(places))
    most_rows = max(COMMON_ROWS[0], COMMON_ROWS[1] * grams.rows)
    return {
        place: [
            row if rows <= most_rows and problems[run] <= most_problems else NOT_SEEN
            for run, rows, row in zip(own.hashes, own.rows, own.first, strict=True)
        ]
        for place, own in runs.items()
    }


def longest_run(rows: Sequence[int]) -> tuple[int, int] | None:
    """First and last position of the longest stretch that one row has; None without any."""
    stretches = [
        (positions[0], positions[-1])
        for row, group in groupby(range(len(rows)), key=rows.__getitem__)
        if row != NOT_SEEN and (positions := list(group))
    ]
    return max(stretches, key=lambda ends: ends[1] - ends[0], default=None)


def worst(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The cases to show first."""
    ordered = sorted(examples, key=lambda e: (not e.exact, -len(e.text), e.problem))
    return tuple(ordered[:EXAMPLES])


def of_puzzles(benchmark: Loaded, found: Mapping[Place, int], rows: int) -> Overlap:
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
