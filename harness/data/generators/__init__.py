"""Problem rows made here by seeded generators, in disjoint splits; data preparation, generated
benchmarks and the tiny base take them from here."""

from collections.abc import Callable

from harness.data.generators.draws import Row, split_of, stable_hash
from harness.data.generators.numbers_and_target import (
    countdown,
    countdown_demonstrations,
    countdown_problem,
)
from harness.data.generators.puzzles import knights_and_knaves
from harness.data.generators.sums import arithmetic

__all__ = [
    "GENERATORS",
    "arithmetic",
    "countdown",
    "countdown_demonstrations",
    "countdown_problem",
    "knights_and_knaves",
    "split_of",
    "stable_hash",
]

GENERATORS: dict[str, Callable[..., list[Row]]] = {
    "arithmetic": arithmetic,
    "countdown": countdown,
    "countdown_demonstrations": countdown_demonstrations,
    "knights_and_knaves": knights_and_knaves,
}
"""Name in data.source.generator -> `(rows, *, seed, split, **arguments) -> rows`."""
