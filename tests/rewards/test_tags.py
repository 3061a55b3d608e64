"""Tags and formats: the same texts as a regular expression finds, and linear time."""

import random
import re
import time

import pytest

from harness.rewards.tags import (
    ends_of_pieces,
    first_on_a_line,
    framed,
    once,
    once_in_order,
    thought_then_answer,
)

PIECES = ["<a>", "</a>", "\n", "x", " ", "<b>", "</b>", "\r"]


def texts(number: int) -> list[str]:
    rng = random.Random(1)
    return ["".join(rng.choices(PIECES, k=rng.randint(0, 9))) for _ in range(number)]


def test_framed_is_a_pattern_with_lazy_gaps() -> None:
    pattern = re.compile(r"<a>.*?</a>.*?x.*?</b>$", re.DOTALL | re.MULTILINE)
    seen = {True: 0, False: 0}
    for text in (f"<a>{text}</a>x{end}" for text in texts(2000) for end in ("", "</b>", "</b>\n ")):
        found = framed(text, "<a>", ["</a>", "x"], "</b>")
        assert found == bool(pattern.match(text)), text
        seen[found] += 1
    assert min(seen.values()) > 100


def test_first_on_a_line_is_a_search_that_stops_at_line_feeds() -> None:
    found = 0
    for text in texts(4000):
        match = re.search("<a>(.*?)</a>", text)
        assert first_on_a_line(text, "a") == (match and match.group(1).strip()), text
        found += match is not None
    assert found > 100


@pytest.mark.parametrize(
    ("text", "end"),
    [("a-b-c", 5), ("abc", 3), ("a-c-b", None), ("ab", None), ("a-b-c-c", 5)],
)
def test_pieces_follow_one_another(text: str, end: int | None) -> None:
    assert ends_of_pieces(text, ["a", "b", "c"]) == end


def test_pieces_do_not_overlap() -> None:
    assert ends_of_pieces("\n</a>", ["\n", "\n</a>"]) is None


@pytest.mark.parametrize(
    ("text", "count", "ordered"),
    [("<a></a>", 2, True), ("</a><a>", 2, False), ("<a><a></a>", 1, False), ("", 0, False)],
)
def test_once(text: str, count: int, ordered: bool) -> None:
    assert once(text, ["<a>", "</a>"]) == count
    assert once_in_order(text, ["<a>", "</a>"]) is ordered


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("<think>a</think>\n<answer>b</answer>", True),
        ("<think></think>\n<answer></answer>\n", True),
        ("<think>a</think>\n<answer>b</answer><think>c</answer>", True),
        ("<think>a</think>\n<answer>b</answer>\n\n", False),
        ("<think>a<think></think>\n<answer>b</answer>", False),
        ("<think>a</think></think>\n<answer>b</answer>", False),
        ("<think>a</think> \n<answer>b</answer>", False),
        ("<think>a</think>\n<answer>", False),
        ("<think>a", False),
        (" <think>a</think>\n<answer>b</answer>", False),
    ],
)
def test_a_thought_then_an_answer(text: str, fits: bool) -> None:
    assert thought_then_answer(text) is fits


@pytest.mark.parametrize("piece", ["<a>", "</a>x", "\n", "<b>\n</b> "])
def test_a_response_that_repeats_a_piece_costs_no_time(piece: str) -> None:
    text = "<a>" + piece * 30_000
    start = time.process_time()
    framed(text, "<a>", ["</a>", "x"], "</b>")
    first_on_a_line(text, "b")
    thought_then_answer(text)
    assert time.process_time() - start < 0.5
