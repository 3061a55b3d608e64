"""The generators: disjoint splits, determinism, solvable problems, clear refusals."""

import itertools
from typing import Any

import pytest

from harness.data.generators import GENERATORS, countdown, countdown_problem
from harness.errors import DataError

SMALL: dict[str, Any] = {
    "min_numbers": 3,
    "max_numbers": 3,
    "min_value": 1,
    "max_value": 20,
    "min_target": 1,
    "max_target": 60,
    "operators": ["+", "-"],
}
FULL: dict[str, Any] = {
    **SMALL,
    "max_numbers": 4,
    "max_target": 99,
    "operators": ["+", "-", "*", "/"],
}


def reachable(values: tuple[float, ...]) -> set[float]:
    """Every value of an expression that uses all the given values once."""
    if len(values) == 1:
        return {values[0]}
    results: set[float] = set()
    for i, j in itertools.permutations(range(len(values)), 2):
        rest = tuple(v for k, v in enumerate(values) if k not in (i, j))
        a, b = values[i], values[j]
        for made in (a + b, a - b, a * b, *([a / b] if b else [])):
            results |= reachable((made, *rest))
    return results


def test_registry_names_the_generator() -> None:
    assert GENERATORS["countdown"] is countdown


def test_splits_are_disjoint_as_problems() -> None:
    train = {countdown_problem(r) for r in countdown(300, seed=1, split="train", **SMALL)}
    test = {countdown_problem(r) for r in countdown(100, seed=2, split="test", **SMALL)}
    assert len(train) == 300
    assert len(test) == 100
    assert not train & test


def test_same_seed_same_rows_other_seed_other_rows() -> None:
    first = countdown(50, seed=3, split="train", **SMALL)
    assert first == countdown(50, seed=3, split="train", **SMALL)
    neighbour = countdown(50, seed=4, split="train", **SMALL)
    assert sum(row in first for row in neighbour) < 10


@pytest.mark.parametrize("ranges", [SMALL, FULL])
def test_rows_are_solvable_and_in_range(ranges: dict[str, Any]) -> None:
    for row in countdown(40, seed=5, split="train", **ranges):
        assert set(row) == {"numbers", "target"}
        assert ranges["min_numbers"] <= len(row["numbers"]) <= ranges["max_numbers"]
        assert ranges["min_target"] <= row["target"] <= ranges["max_target"]
        hits = [v for v in reachable(tuple(row["numbers"])) if abs(v - row["target"]) < 1e-9]
        assert hits, row


def test_train_rows_repeat_only_when_the_pool_is_exhausted() -> None:
    tiny = {**SMALL, "max_value": 3, "max_target": 9}
    rows = countdown(200, seed=6, split="train", **tiny)
    assert len(rows) == 200
    different = len({countdown_problem(row) for row in rows})
    assert different < 200
    assert len({countdown_problem(row) for row in rows[:different]}) == different


def test_too_many_test_rows_are_refused() -> None:
    tiny = {**SMALL, "max_value": 3, "max_target": 9}
    with pytest.raises(DataError, match="different test problems"):
        countdown(200, seed=6, split="test", **tiny)


def test_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match="split"):
        countdown(1, seed=0, split="validation", **SMALL)
