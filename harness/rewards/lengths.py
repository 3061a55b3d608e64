"""Shaping by the length of a response: relative to its group, along a cosine, around a budget."""

import math
from collections.abc import Sequence
from typing import Literal

from harness.errors import DataError
from harness.rewards import Sample, Scored

Unit = Literal["characters", "tokens"]


def length_of(sample: Sample, unit: Unit) -> int:
    """Length of a response.

    Raises:
        DataError: tokens are asked for, and their number is not known.
    """
    if unit == "characters":
        return len(sample.response)
    if sample.response_tokens is None:
        raise DataError(
            "the length in tokens of a response is not known here: score responses of a "
            "training run, give response_tokens, or shape by characters (unit: characters)"
        )
    return sample.response_tokens


def relative(lengths: Sequence[int], correct: Sequence[bool]) -> list[float]:
    """A bonus from 0.5 for the shortest to -0.5 for the longest response of a group.

    A wrong response gets at most 0; a group of equal lengths gets nothing.
    Source: Kimi k1.5, arXiv:2501.12599 section 2.3.3.
    """
    shortest, longest = min(lengths), max(lengths)
    if shortest == longest:
        return [0.0] * len(lengths)
    bonus = [0.5 - (length - shortest) / (longest - shortest) for length in lengths]
    return [
        value if right else min(0.0, value) for value, right in zip(bonus, correct, strict=True)
    ]


def with_relative_length(
    group: Sequence[Scored], *, weight: float = 1.0, unit: Unit = "tokens"
) -> list[float]:
    """Rewards of a group with the weighted length bonus of `relative` added; for reward.group."""
    bonus = relative(
        [length_of(one.sample, unit) for one in group], [one.score.correct for one in group]
    )
    return [one.score.value + weight * extra for one, extra in zip(group, bonus, strict=True)]


def cosine(length: float, *, limit: float, at_zero: float, at_limit: float) -> float:
    """A value that moves from `at_zero` at length 0 to `at_limit` along half a cosine.

    Beyond the limit it goes back up the same wave.
    Source: arXiv:2502.03373 section 4.1.
    """
    return at_limit + 0.5 * (at_zero - at_limit) * (1.0 + math.cos(math.pi * length / limit))


def deviation(length: float, target: float, *, alpha: float) -> float:
    """What a length costs that misses a target: `alpha` for each unit, in either direction."""
    return -alpha * abs(length - target)


def headroom(length: float, limit: float, *, alpha: float) -> float:
    """A value from 0 to 1 that falls straight with the length: one half at the limit, 1 from
    1 / alpha below it, 0 from 1 / alpha above it."""
    return (1.0 + max(-1.0, min(1.0, alpha * (limit - length)))) / 2.0


def logistic(value: float) -> float:
    """1 / (1 + exp(-value)), for values of any size."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1.0 + grown)
