"""Text helpers that find the answer."""

import time

import pytest

from harness.rewards.extraction import after_first, last_line, last_tagged


def test_the_first_marker_that_is_present_decides() -> None:
    assert after_first("a: b: c", "b:", "a:") == " c"
    assert after_first("x A: one A: two", "B:", "A:") == " one A: two"
    assert after_first("nothing", "A:", "B:") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\nb", "b"), ("a", "a"), ("a\n", ""), ("a\n\rb\x0c\u2028c", "\rb\x0c\u2028c")],
)
def test_only_a_newline_ends_a_line(text: str, line: str) -> None:
    assert last_line(text) == line


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("<a> 1 </a>", "1"),
        ("<a>1</a><a>2</a>", "2"),
        ("<a>1<a>2</a>", "1<a>2"),
        ("<a></a>", ""),
        ("<a>1", None),
        ("</a>1<a>", None),
        ("<A>1</A>", None),
        ("<a>1\n</a>", None),
        ("<a>1\n<a>2</a>\n<a>3", "2"),
    ],
)
def test_last_tagged(text: str, content: str | None) -> None:
    assert last_tagged(text, "a") == content


def test_last_tagged_across_lines() -> None:
    assert last_tagged("<a>\n1\n2 </a>", "a", across_lines=True) == "1\n2"


@pytest.mark.parametrize("piece", ["<a>", "<a>\n", "</a>"])
def test_last_tagged_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    assert last_tagged(piece * 50_000, "a") is None
    assert time.process_time() - start < 1.0
