"""Which training rows pose a puzzle of a benchmark; contamination.py asks.

Puzzles fill one template, so runs of words say nothing. What makes a countdown problem is its
numbers and target; what makes a puzzle of knights and knaves is who says what.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from evals.benchmarks import Loaded, Problem, describe
from harness.data.shared_grams import words

Key = tuple[object, ...]
Place = tuple[str, str]

FARTHEST = 120  # characters between a list of numbers and the end of its target
LEADS = r"(?:equal|make|reach|target|using|number|obtain|get)"
LIST = re.compile(r"(?<![\d.])\d{1,9}(?:\s*,\s*\d{1,9})+(?![\d.]*\d)")
TARGET_BEHIND = re.compile(
    rf"[^\d]{{0,60}}?{LEADS}[^\d]{{0,40}}(?P<target>\d{{1,9}})(?!\d)", re.IGNORECASE
)
TARGET_BEFORE = re.compile(rf"(?<!\d)(?P<target>\d{{1,9}})[^\d]*{LEADS}[^\d]*$", re.IGNORECASE)
TOLD = re.compile(r"inhabitants\s*:(.*?)\bso who is\b", re.DOTALL | re.IGNORECASE)


def is_puzzle(benchmark: Loaded) -> bool:
    """Whether the problems of a benchmark fill one template."""
    return describe(benchmark.name).task != "math"


def key_of(problem: Problem) -> Key | None:
    """What makes a puzzle: equal keys are the same puzzle."""
    if "numbers" in problem.truth:
        return countdown_key(problem.truth["numbers"], problem.truth["target"])
    return next(told(problem.problem), None)


def countdown_key(numbers: Sequence[int], target: int) -> Key:
    """Numbers in any order, and the target."""
    return (*sorted(numbers), target)


def told(text: str) -> Iterator[Key]:
    """The stories about knights and knaves in a text, word by word."""
    return (tuple(words(story)) for story in TOLD.findall(text))


def countdowns(text: str) -> Iterator[Key]:
    """The countdown problems in a text: a list of numbers, and words that lead to a target."""
    for listed in LIST.finditer(text):
        numbers = [int(digits) for digits in re.findall(r"\d+", listed.group())]
        after = TARGET_BEHIND.match(text, listed.end())
        before = TARGET_BEFORE.search(text[max(0, listed.start() - FARTHEST) : listed.start()])
        for found in (after, before):
            if found:
                yield countdown_key(numbers, int(found["target"]))


def puzzles_in(text: str) -> Iterator[Key]:
    """Every puzzle that a text poses."""
    return chain(countdowns(text), told(text))


class PuzzleRows:
    """Notes the training rows with puzzles of the benchmarks, while the rows pass by."""

    def __init__(self, benchmarks: Sequence[Loaded]) -> None:
        self.wanted: dict[Key, list[Place]] = {}
        for benchmark in benchmarks:
            for problem in benchmark.problems:
                if (key := key_of(problem)) is not None:
                    self.wanted.setdefault(key, []).append((benchmark.name, problem.id))
        self.rows: dict[Place, int] = {}
        """(benchmark, problem id) -> index of the first row with it."""

    def noting(self, texts: Iterable[str]) -> Iterator[str]:
        """The texts as they come."""
        for index, text in enumerate(texts):
            for key in puzzles_in(text) if self.wanted else ():
                for place in self.wanted.get(key, ()):
                    self.rows.setdefault(place, index)
            yield text
