"""What every generator shares: the split of a problem, different problems from endless draws, and
what happens when there are no more."""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

from harness.errors import DataError

Row = dict[str, Any]
Draw = tuple[object, Row]
"""What makes the problem, and its row; equal first parts are the same problem."""

TEST_PERCENT = 20
STALE_DRAWS = 500  # so many draws in a row without a new problem count as an exhausted pool


def stable_hash(value: object) -> int:
    """A hash that is the same in every process and on every machine."""
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:8], "big")


def split_of(problem: object) -> str:
    """The split that a problem belongs to, whatever the seed."""
    return "test" if stable_hash(problem) % 100 < TEST_PERCENT else "train"


def different_rows(
    name: str, draws: Iterator[Draw | None], rows: int, *, split: str, seed: int
) -> list[Row]:
    """The first `rows` different problems of a split; too few for training are repeated.

    Args:
        name: The generator, for messages.
        draws: Endless; None is a draw that gave no problem.

    Raises:
        DataError: `split` is unknown, or the pool does not hold `rows` test problems.
    """
    if split not in ("train", "test"):
        raise DataError(f"split must be 'train' or 'test', not {split!r}")
    found = list(unique_rows(draws, rows, split))
    if len(found) == rows:
        return found
    if split == "test" or not found:
        raise DataError(
            f"{name}: {rows} different {split} problems were asked for, and the given ranges "
            f"hold about {len(found)}; ask for fewer rows or widen the ranges"
        )
    return repeated(found, rows, seed)


def unique_rows(draws: Iterator[Draw | None], rows: int, split: str) -> list[Row]:
    """The first `rows` different problems of a split; fewer when the pool is exhausted."""
    found: dict[object, Row] = {}
    stale = 0
    while len(found) < rows and stale < STALE_DRAWS:
        problem, row = next(draws) or (None, None)
        if row is not None and problem not in found and split_of(problem) == split:
            found[problem] = row
            stale = 0
        else:
            stale += 1
    return list(found.values())


def repeated(pool: list[Row], rows: int, seed: int) -> list[Row]:
    """The pool, then reshuffled copies of it, cut to `rows` rows."""
    rng = random.Random(seed)
    result = list(pool)
    while len(result) < rows:
        result += rng.sample(pool, len(pool))
    return result[:rows]
