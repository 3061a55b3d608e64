"""Countdown problems: reach a target with an expression over given numbers."""

import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from harness.data.generators.draws import Draw, Row, different_rows, stable_hash

if TYPE_CHECKING:
    from reasoning_gym.games.countdown import CountdownConfig


def countdown_problem(row: Row) -> tuple[tuple[int, ...], int]:
    """What makes a countdown problem: its numbers in any order, and its target."""
    return tuple(sorted(row["numbers"])), row["target"]


def countdown_draws(config: "CountdownConfig") -> Iterator[Draw | None]:
    """An endless stream of reasoning-gym problems; None where it found none in the target range."""
    from reasoning_gym.games.countdown import CountdownDataset

    dataset = CountdownDataset(config)
    for index in count():
        try:
            metadata = dataset[index]["metadata"]
        except ValueError:
            yield None
            continue
        numbers, target = [int(n) for n in metadata["numbers"]], int(metadata["target"])
        row = {"numbers": numbers, "target": target}
        yield countdown_problem(row), row


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
    return different_rows("countdown", countdown_draws(config), rows, split=split, seed=seed)


def countdown_demonstrations(rows: int, *, seed: int, split: str, **ranges: Any) -> list[Row]:
    """Countdown problems of three numbers over + and -, each with a worked response."""
    from harness.tiny.traces import response

    rng = random.Random(seed)
    return [
        row | {"demonstration": response(row["numbers"], row["target"], rng, chat=True)}
        for row in countdown(rows, seed=seed, split=split, **ranges)
    ]
