"""Which training rows share a benchmark's problem, and that the report then finds no overlap."""

from collections.abc import Sequence
from typing import Any

import pytest

from evals.benchmarks import Loaded, Problem
from harness.data.contamination import measure
from harness.data.decontaminate import load_benchmarks, tainted
from harness.errors import DataError

LONG = (
    "A square garden has a path of width two metres along each side and the path covers "
    "ninety six square metres in all; how long is one side of the garden itself?"
)
SHORT = "Compute $\\sin 60^\\circ$."
FILLER = "Mia buys {n} apples and {m} pears on her way home and gives {k} of them to Tom."


def benchmark(name: str, *problems: str, **truth: Any) -> Loaded:
    return Loaded(
        name=name,
        problems=tuple(
            Problem(id=f"{name}-{n}", problem=text, truth=truth or {"answer": "1"})
            for n, text in enumerate(problems)
        ),
        sha256="0",
        origin="a test",
        pinned=False,
    )


def fillers(count: int) -> list[str]:
    return [FILLER.format(n=n, m=2 * n, k=n + 1) for n in range(count)]


def texts_with(*texts: str) -> list[str]:
    return [*fillers(60), *texts]


def check_clean(texts: Sequence[str], loaded: Loaded) -> None:
    """What is left has no overlap of 13 words, as the report counts it."""
    bad = tainted(texts, [loaded])
    left = [text for place, text in enumerate(texts) if place not in bad]
    (overlap,) = measure(left, [loaded])
    assert (overlap.exact, overlap.share_13) == (0, 0)


def test_rows_that_share_thirteen_words_or_a_whole_problem() -> None:
    loaded = benchmark("math500", LONG, SHORT)
    words = LONG.split()
    texts = texts_with(
        "Solve: " + LONG,
        " ".join(words[4:17]).upper() + "?",
        " ".join(words[4:16]),
        "Please compute sin 60 circ.",
        "Please compute sin 30 circ.",
    )
    assert tainted(texts, [loaded]) == {60: "math500-0", 61: "math500-0", 63: "math500-1"}
    check_clean(texts, loaded)


def test_a_common_phrase_is_no_sign_but_the_whole_problem_is() -> None:
    """More than 20 rows repeat the template; those that pose the problem go all the same."""
    problem = FILLER.format(n=900, m=1, k=3)
    loaded = benchmark("math500", problem)
    assert tainted(fillers(60), [loaded]) == {}
    copies = [f"{problem} Version {n}." for n in range(30)]
    texts = fillers(60) + copies
    assert sorted(tainted(texts, [loaded])) == list(range(60, 90))
    check_clean(texts, loaded)


def test_every_copy_of_a_row_goes() -> None:
    loaded = benchmark("math500", LONG)
    assert sorted(tainted(texts_with(LONG, LONG), [loaded])) == [60, 61]


def test_puzzles_are_compared_as_puzzles() -> None:
    loaded = benchmark(
        "countdown", "Using the numbers [3, 5, 9], make 17.", numbers=[3, 5, 9], target=17
    )
    template = "Using the numbers {numbers}, create an equation that equals {target}."
    texts = [
        template.format(numbers=[9, 3, 5], target=17),
        template.format(numbers=[9, 3, 5], target=18),
    ]
    assert tainted(texts, [loaded]) == {0: "countdown-0"}
    assert tainted(texts, [loaded, benchmark("math500", LONG)]) == {0: "countdown-0"}


def test_nothing_in_common() -> None:
    assert tainted(fillers(5), [benchmark("math500", LONG)]) == {}
    assert tainted([], [benchmark("math500", LONG)]) == {}


def test_an_unknown_benchmark_is_named() -> None:
    with pytest.raises(DataError, match=r"(?s)data\.decontaminate names aime1924.*aime24"):
        load_benchmarks(["aime1924"], None)
