"""Penalties for what a response repeats: n-grams of words, or of tokens where they stand."""

from array import array

from harness.errors import ConfigError, DataError
from harness.rewards import Sample


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


def repeated_tokens(
    sample: Sample, *, ngram_size: int, penalty: float, only_start: bool = False
) -> list[float]:
    """The penalty at every token of an n-gram of tokens that stood before, else 0; for
    reward.dense.

    Source: arXiv:2502.03373 appendix C.2 (algorithm 1), of tokens as
    eddycmu/demystify-long-cot@e90cf9b:openrlhf/openrlhf/reward/repetition.py has it.

    Args:
        sample: the response with its token_ids.
        ngram_size: tokens of an n-gram.
        penalty: reward of such a token, below 0.
        only_start: of a run of repeated n-grams, each within ngram_size tokens of the one before,
            only the first counts.

    Raises:
        ConfigError: the size or the penalty has the wrong sign.
        DataError: the tokens of the response are not known.
    """
    if ngram_size < 1 or penalty >= 0:
        raise ConfigError(
            f"ngram_size={ngram_size}, penalty={penalty:g}: set ngram_size to 1 or more and "
            "penalty below 0"
        )
    if sample.token_ids is None:
        raise DataError("the tokens of a response are not known here: use it as reward.dense")
    rewards, run_end = [0.0] * len(sample.token_ids), -1
    for start in _repeated(sample.token_ids, ngram_size):
        if not only_start or start > run_end:
            rewards[start : start + ngram_size] = [penalty] * ngram_size
        run_end = start + ngram_size
    return rewards


def _repeated(token_ids: tuple[int, ...], size: int) -> list[int]:
    """Where an n-gram starts that stood before."""
    # Slices of bytes are hashed several times faster than tuples of numbers.
    text, width = array("q", token_ids), array("q").itemsize
    content, seen, found = text.tobytes(), set(), []
    for start in range(len(token_ids) - size + 1):
        gram = content[start * width : (start + size) * width]
        if gram in seen:
            found.append(start)
        seen.add(gram)
    return found
