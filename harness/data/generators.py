"""Problem rows in disjoint splits, made for data preparation and for the tiny base."""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from harness.errors import DataError

if TYPE_CHECKING:
    from reasoning_gym.games.countdown import CountdownConfig

Row = dict[str, Any]

TEST_PERCENT = 20
STALE_DRAWS = 500  # so many draws in a row without a new problem count as an exhausted pool


def stable_hash(value: object) -> int:
    """A hash that is the same in every process and on every machine."""
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:8], "big")


def split_of(problem: object) -> str:
    """The split that a problem belongs to, whatever the seed."""
    return "test" if stable_hash(problem) % 100 < TEST_PERCENT else "train"


def unique_rows(
    draws: Iterator[Row | None], key: Callable[[Row], object], rows: int, split: str
) -> list[Row]:
    """The first `rows` different problems of a split; fewer when the pool is exhausted."""
    found: dict[object, Row] = {}
    stale = 0
    while len(found) < rows and stale < STALE_DRAWS:
        row = next(draws)
        problem = key(row) if row else None
        if row and problem not in found and split_of(problem) == split:
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


def countdown_draws(config: "CountdownConfig") -> Iterator[Row | None]:
    """An endless stream of reasoning-gym problems; None where it found none in the target range."""
    from reasoning_gym.games.countdown import CountdownDataset

    dataset = CountdownDataset(config)
    for index in count():
        try:
            metadata = dataset[index]["metadata"]
        except ValueError:
            yield None
            continue
        yield {"numbers": [int(n) for n in metadata["numbers"]], "target": int(metadata["target"])}


def countdown_problem(row: Row) -> tuple[tuple[int, ...], int]:
    """What makes a countdown problem: its numbers in any order, and its target."""
    return tuple(sorted(row["numbers"])), row["target"]


def countdown(
    rows: int,
    *,
    seed: int,
    split: str,
    min_numbers: int,
    max_numbers: int,
    min_value: int,
    max_value: int,
    min_target: int,
    max_target: int,
    operators: Sequence[str],
) -> list[Row]:
    """Solvable countdown problems: reach `target` with an expression over all `numbers`."""
    from reasoning_gym.games.countdown import CountdownConfig

    if split not in ("train", "test"):
        raise DataError(f"split must be 'train' or 'test', not {split!r}")
    config = CountdownConfig(
        min_numbers=min_numbers,
        max_numbers=max_numbers,
        min_value=min_value,
        max_value=max_value,
        min_target=min_target,
        max_target=max_target,
        operators=tuple(operators),
        seed=stable_hash(seed) % 2**31,  # neighbouring seeds would share nearly all draws
    )
    found = unique_rows(countdown_draws(config), countdown_problem, rows, split)
    if len(found) == rows:
        return found
    if split == "test" or not found:
        raise DataError(
            f"countdown: {rows} different {split} problems were asked for, and the given ranges "
            f"hold about {len(found)}; ask for fewer rows or widen the ranges"
        )
    return repeated(found, rows, seed)


def countdown_demonstrations(rows: int, *, seed: int, split: str, **ranges: Any) -> list[Row]:
    """Countdown problems of three numbers over + and -, each with a worked response."""
    from harness.tiny.traces import response

    rng = random.Random(seed)
    return [
        row | {"demonstration": response(row["numbers"], row["target"], rng, chat=True)}
        for row in countdown(rows, seed=seed, split=split, **ranges)
    ]


GENERATORS: dict[str, Callable[..., list[Row]]] = {
    "countdown": countdown,
    "countdown_demonstrations": countdown_demonstrations,
}
