"""Repeated n-grams: what counts as a word, texts without n-grams, and tokens where they stand."""

import pytest

from harness.errors import ConfigError, DataError
from harness.rewards import Sample
from harness.rewards.repetition import repeated_share, repeated_tokens


@pytest.mark.parametrize(
    ("text", "size", "share"),
    [
        ("a b a b a", 2, 0.5),
        ("A b\na\tB a", 2, 0.5),
        ("a a a a", 1, 0.75),
        ("a b c", 2, 0.0),
        ("a b", 3, 0.0),
        ("  ", 1, 0.0),
        ("", 3, 0.0),
    ],
)
def test_the_share_of_repeated_n_grams(text: str, size: int, share: float) -> None:
    assert repeated_share(text, size) == share


def test_a_size_that_is_none() -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        repeated_share("a b", 0)


def tokens(*ids: int) -> Sample:
    return Sample(prompt="", response="", ground_truth=None, token_ids=ids)


@pytest.mark.parametrize(
    ("ids", "size", "only_start", "hit"),
    [
        ((1, 2, 3, 1, 2), 2, False, [3, 4]),
        ((1, 1, 1), 1, False, [1, 2]),
        ((1, 2, 1, 2, 1, 2), 3, False, [2, 3, 4, 5]),
        ((1, 1, 1, 1, 1), 2, True, [1, 2]),
        ((1, 2, 1, 2, 9, 8, 7, 1, 2), 2, True, [2, 3, 7, 8]),
        ((1, 2), 3, False, []),
        ((), 3, False, []),
        ((-1, 2**40, -1, 2**40), 2, False, [2, 3]),
    ],
)
def test_tokens_of_a_repeated_ngram(
    ids: tuple[int, ...], size: int, only_start: bool, hit: list[int]
) -> None:
    found = repeated_tokens(tokens(*ids), ngram_size=size, penalty=-0.05, only_start=only_start)
    assert found == [-0.05 if place in hit else 0.0 for place in range(len(ids))]


def test_what_the_penalty_of_tokens_needs() -> None:
    with pytest.raises(ConfigError, match="below 0"):
        repeated_tokens(tokens(1), ngram_size=2, penalty=0.1)
    with pytest.raises(ConfigError, match="1 or more"):
        repeated_tokens(tokens(1), ngram_size=0, penalty=-0.1)
    unknown = Sample(prompt="", response="a", ground_truth=None)
    with pytest.raises(DataError, match=r"reward\.dense"):
        repeated_tokens(unknown, ngram_size=2, penalty=-0.1)
