"""Repeated n-grams: what counts as a word, and texts without n-grams."""

import pytest

from harness.errors import ConfigError
from harness.rewards.repetition import repeated_share


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
