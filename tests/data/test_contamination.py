"""Overlap of training sets with benchmarks: what counts, what does not, and the cache."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.benchmarks import Loaded, Problem
from harness.data.contamination import Overlap, longest_run, measure, overlaps
from harness.data.puzzle_rows import countdowns
from harness.data.shared_grams import NOT_SEEN, SharedGrams, words

RNG = random.Random(7)
WORDS = [f"{a}{b}" for a in ("ba", "co", "du", "fe", "gi", "ho") for b in "bcdfglmnprstv"]


def prose(count: int) -> str:
    return " ".join(RNG.choices(WORDS, k=count))


def benchmark(name: str, *texts: str, truths: list[dict[str, Any]] | None = None) -> Loaded:
    given = truths or [{"answer": "1"}] * len(texts)
    problems = tuple(
        Problem(id=f"p{n}", problem=text, truth=truth)
        for n, (text, truth) in enumerate(zip(texts, given, strict=True))
    )
    return Loaded(name=name, problems=problems, sha256="0" * 64, origin="test", pinned=False)


def one(train: list[str], loaded: Loaded) -> Overlap:
    (found,) = measure(iter(train), [loaded])
    return found


def test_eight_words_thirteen_words_and_the_whole_problem() -> None:
    texts = [prose(30) for _ in range(4)]
    parts = [
        " ".join(text.split()[5 : 5 + n]) for text, n in zip(texts, (7, 8, 13, 30), strict=True)
    ]
    parts[3] = texts[3].upper().replace(" ", ",\n")
    train = [f"{prose(20)} {part} {prose(20)}" for part in parts]
    found = one(train, benchmark("aime24", *texts))
    assert (found.problems, found.rows) == (4, 4)
    assert (found.share_8, found.share_13, found.exact) == (0.75, 0.5, 1)
    assert [(e.problem, e.row, e.exact) for e in found.examples] == [
        ("p3", 3, True),
        ("p2", 2, False),
        ("p1", 1, False),
    ]
    assert found.examples[1].text == parts[2]
    assert found.examples[1].sentence().startswith("p2 is in part in training row 2: ")


def test_runs_do_not_cross_rows() -> None:
    text = prose(16).split()
    train = [" ".join(text[:7]), " ".join(text[7:14]), prose(3)]
    assert one(train, benchmark("aime24", " ".join(text))).share_8 == 0.0


def test_a_short_problem_is_compared_as_a_whole() -> None:
    short = benchmark("aime24", "Compute tan of zorp.", "Compute cos of zorp.")
    found = one([f"{prose(9)} compute $\\tan$ of zorp {prose(9)}"], short)
    assert (found.share_8, found.share_13, found.exact) == (0.5, 0.5, 1)


def test_the_template_does_not_count() -> None:
    request = "Please reason step by step and put your final answer within a box at the end."
    loaded = benchmark("aime24", f"{prose(20)} {request}", prose(20))
    train = [f"{prose(20)} {request}" for _ in range(50)]
    assert one(train, loaded).share_8 == 0.0
    assert one(train[:10], loaded).share_8 == 0.5, "in a few rows it may be a leak"
    leaked = one([*train, f"{loaded.problems[1].problem} {request}"], loaded)
    assert (leaked.share_8, leaked.exact, leaked.examples[0].row) == (0.5, 1, 50)


def test_a_leak_that_repeats_counts_however_often() -> None:
    loaded = benchmark("aime24", prose(20))
    found = one([f"{loaded.problems[0].problem} {prose(2)}" for _ in range(300)], loaded)
    assert (found.exact, found.share_13) == (1, 1.0)
    assert one([loaded.problems[0].problem] * 300, loaded).rows == 1


def test_a_phrase_of_many_problems_does_not_count() -> None:
    phrase = "where m and n are relatively prime positive integers find m plus n"
    loaded = benchmark("aime24", *(f"{prose(9)} {phrase}" for _ in range(3)), prose(20))
    assert one([f"{prose(9)} {phrase}"], loaded).share_8 == 0.0


def test_countdown_compares_numbers_and_target() -> None:
    truths = [{"numbers": [98, 28, 20], "target": 658}, {"numbers": [3, 5, 7], "target": 15}]
    loaded = benchmark("countdown", "Using [98, 28, 20] ...", "Using [3, 5, 7] ...", truths=truths)
    same = "Using the numbers [20, 98, 28], create an equation that equals 658. E.g. (1 + 2) / 3"
    other = "Using the numbers [20, 98, 28], create an equation that equals 659."
    found = one([other, same], loaded)
    assert (found.exact, found.share_8, found.share_13) == (1, 0.5, 0.5)
    assert [(e.problem, e.row) for e in found.examples] == [("p0", 1)]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Using all the numbers 9, 2, 30, create an expression that equals 41.", (2, 9, 30, 41)),
        ("Calculate 41 using all of these numbers: 9, 2, 30.\nEach once.", (2, 9, 30, 41)),
        ("Find a way to make 41 using all of these numbers: 30, 9, 2.", (2, 9, 30, 41)),
        ("The target is 24. Numbers: 8, 3, 8, 3", (3, 3, 8, 8, 24)),
        ("Let $f(1, 2) = 3$ and then $x = 6$.", None),
        ("Numbers 1.5, 2 give 7", None),
    ],
)
def test_countdown_problems_are_read_from_every_wording(
    text: str, key: tuple[int, ...] | None
) -> None:
    assert set(countdowns(text)) == ({key} if key else set())


KK = (
    "A very special island is inhabited only by knights and knaves. You meet 2 inhabitants: {0}, "
    'and Zoey. {0} said, "Zoey is a knave." Zoey noted, "{0} is a knight if and only if Zoey is '
    'a knave". So who is a knight and who is a knave?'
)


def test_knights_and_knaves_compares_what_is_said() -> None:
    truths = [{"answer": "x", "names": [], "solution": []}] * 2
    loaded = benchmark("kk_logicrl", KK.format("Riley"), KK.format("Aria"), truths=truths)
    found = one([KK.format("Noah"), f"<system>{KK.format('Aria')}\nThink.", prose(30)], loaded)
    assert (found.exact, found.share_8) == (1, 0.5)
    assert [(e.problem, e.row) for e in found.examples] == [("p1", 1)]


def test_several_benchmarks_in_one_pass() -> None:
    truths = [{"numbers": [1, 2], "target": 3}]
    first, second = benchmark("aime24", prose(20)), benchmark("aime25", prose(20), prose(20))
    third = benchmark("countdown", "Using the numbers [1, 2], reach 3.", truths=truths)
    train = [second.problems[1].problem, third.problems[0].problem]
    found = measure(train, [first, third, second])
    assert [(o.benchmark, o.exact) for o in found] == [
        ("aime24", 0),
        ("countdown", 1),
        ("aime25", 1),
    ]
    assert [o.rows for o in found] == [2, 2, 2]
    assert [o.exact for o in measure([], [first])] == [0]


def test_answers_are_cached_by_both_sets(tmp_path: Path) -> None:
    loaded = benchmark("aime24", prose(20))
    passes = 0

    def train() -> Iterator[str]:
        nonlocal passes
        passes += 1
        yield loaded.problems[0].problem

    first = overlaps(train(), "a" * 64, [loaded], tmp_path)
    assert first["aime24"].exact == 1 and passes == 1
    assert overlaps(train(), "a" * 64, [loaded], tmp_path) == first
    assert passes == 1
    overlaps(train(), "b" * 64, [loaded], tmp_path)
    overlaps(train(), "a" * 64, [loaded.model_copy(update={"sha256": "1" * 64})], tmp_path)
    assert passes == 3
    other = benchmark("aime25", prose(20))
    both = overlaps(train(), "a" * 64, [other, loaded], tmp_path)
    assert list(both) == ["aime25", "aime24"] and passes == 4
    for file in tmp_path.glob("*.json"):
        file.write_text("{")
    assert overlaps(train(), "a" * 64, [loaded], tmp_path) == first
    assert passes == 5


def test_shared_runs_agree_with_a_plain_count() -> None:
    vocabulary = "abcd"
    texts = [" ".join(RNG.choices(vocabulary, k=RNG.randint(1, 12))) for _ in range(30)]
    others = [" ".join(RNG.choices(vocabulary, k=RNG.randint(0, 15))) for _ in range(40)]
    grams = SharedGrams(texts, (2, 4))
    grams.look_at(iter(others))
    different = list(dict.fromkeys(others))
    assert grams.rows == len(different)
    for index, text in enumerate(texts):
        for size in (2, 4):
            runs, split = grams.runs_of(index, size), words(text)
            wanted = [split[at : at + runs.n] for at in range(len(split) - runs.n + 1)]
            inside = [[holds(words(other), run) for other in different] for run in wanted]
            assert runs.rows == [sum(flags) for flags in inside]
            assert runs.first == [
                others.index(different[flags.index(True)]) if any(flags) else NOT_SEEN
                for flags in inside
            ]
        rows = [n for n, other in enumerate(others) if holds(words(other), words(text))]
        assert grams.whole.get(index) == (rows[0] if rows else None)


def holds(text: list[str], run: list[str]) -> bool:
    return any(text[at : at + len(run)] == run for at in range(len(text) - len(run) + 1))


def test_the_longest_stretch_of_one_row() -> None:
    assert longest_run([-1, 3, 3, 5, 5, 5, -1, 5]) == (3, 5)
    assert longest_run([-1, -1]) is None
