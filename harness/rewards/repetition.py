"""Penalty for n-grams of words that a response repeats."""

from harness.errors import ConfigError


def repeated_share(text: str, size: int) -> float:
    """The share of n-grams that stood before: 0 without repetition, towards 1 with much.

    Words are what white space separates, in lower case. A text of fewer than `size` words has no
    n-gram and repeats nothing.
    Source: arXiv:2502.03373 appendix C.2.

    Raises:
        ConfigError: the size is not positive.
    """
    if size < 1:
        raise ConfigError(f"n-grams of {size} words do not exist: set ngram_size to 1 or more")
    words = text.lower().split()
    grams = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
