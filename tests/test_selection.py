"""Which responses of a step reach its update: the rule of pruning and the arithmetic of batches."""

from typing import Any

import pytest

from harness.selection import (
    kept,
    kept_count,
    mini_batch_responses,
    selects,
    trained_responses,
)
from harness.spec import RLAlgorithm
from tests.composing import spec_of

ADVANTAGES = [0.1, -2.0, 0.5, 1.5, -0.5, 0.0]


@pytest.mark.parametrize(
    ("rate", "drop", "places"),
    [
        (0.5, "smallest", [1, 2, 3]),  # -0.5 comes after 0.5
        (0.5, "largest", [0, 2, 5]),
        (0.34, "smallest", [1, 2, 3]),  # 6 x 0.66 = 3.96
        (0.9, "smallest", []),
    ],
)
def test_the_advantages_that_stay(rate: float, drop: Any, places: list[int]) -> None:
    assert kept(ADVANTAGES, rate, drop) == places


def test_random_pruning_follows_its_seed() -> None:
    draws = [kept(ADVANTAGES, 0.5, "random", seed=seed) for seed in ("1/1/0", "1/1/0", "1/2/0")]
    assert draws[0] == draws[1] != draws[2]
    assert all(len(places) == 3 and places == sorted(set(places)) for places in draws)


@pytest.mark.parametrize(
    ("responses", "rate", "down", "up"),
    [(16, 0.5, 8, 8), (4, 0.1, 3, 4), (32, 0.1, 28, 29), (4, 0.9, 0, 1), (16, 0.875, 2, 2)],
)
def test_a_share_that_leaves_no_whole_number(
    responses: int, rate: float, down: int, up: int
) -> None:
    assert (kept_count(responses, rate), kept_count(responses, rate, "up")) == (down, up)


def algorithm(**changes: Any) -> RLAlgorithm:
    base = spec_of("+repro=logic_rl").algorithm
    assert isinstance(base, RLAlgorithm)
    settings = base.model_dump() | {
        "prompts_per_step": 8,
        "mini_batch_prompts": 4,
        "group_size": 16,
    }
    return RLAlgorithm.model_validate(settings | changes)


@pytest.mark.parametrize(
    ("changes", "trained", "in_mini_batch"),
    [
        ({}, 128, 64),
        ({"drop_groups": "reward"}, 128, 64),
        ({"train_group_size": 5}, 40, 20),
        ({"pruning": {"rate": 0.9}}, 8, 4),
        ({"pruning": {"rate": 0.9, "rounding": "up"}}, 16, 8),
        ({"pruning": {"rate": 0.9, "across": "step"}}, 12, 6),
        ({"train_group_size": 5, "pruning": {"rate": 0.5}}, 16, 8),
        ({"train_group_size": 5, "pruning": {"rate": 0.33, "across": "step"}}, 26, 13),
    ],
)
def test_responses_of_a_step_and_of_an_update(
    changes: dict[str, Any], trained: int, in_mini_batch: int
) -> None:
    made = algorithm(**changes)
    assert (trained_responses(made), mini_batch_responses(made, 4)) == (trained, in_mini_batch)
    assert selects(made) is bool(changes)


def test_a_step_is_never_cut_into_more_updates_than_its_prompts() -> None:
    made = algorithm(train_group_size=5, pruning={"rate": 0.33, "across": "step"})
    assert mini_batch_responses(made, 1) * 8 >= trained_responses(made) == 26
