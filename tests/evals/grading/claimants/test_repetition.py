"""Answers that repeat themselves, against a plain reading of the definition."""

import random
import time
from itertools import pairwise, takewhile

import pytest

from evals.grading.claimants.repetition import common_prefixes, is_repetitive


def plainly(text: str) -> list[int]:
    """What common_prefixes gives, by sorting all suffixes."""
    suffixes = sorted(text[start:] for start in range(len(text)))
    return [shared(left, right) for left, right in pairwise(suffixes)] + [0]


def shared(left: str, right: str) -> int:
    """Characters that two texts have in common from the start."""
    pairs = zip(left, right, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


@pytest.mark.parametrize("letters", ["a", "ab", "abcdefgh"])
def test_common_prefixes(letters: str) -> None:
    draw = random.Random(letters)
    for length in (1, 2, 3, 17, 64):
        text = "".join(draw.choices(letters, k=length))
        assert common_prefixes(text) == plainly(text)


def test_only_long_answers_repeat_themselves() -> None:
    assert not is_repetitive("1" * 128)
    assert is_repetitive("1" * 129)
    assert not is_repetitive("".join(map(str, range(100))))


def test_a_response_of_any_length_takes_little_time() -> None:
    start = time.process_time()
    assert is_repetitive("12" * 15_000)
    assert time.process_time() - start < 2.0
