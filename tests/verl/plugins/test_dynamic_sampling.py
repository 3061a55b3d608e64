"""Dynamic sampling against DAPO's loop, and the count of passes over the rows, without Ray."""

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("verl")

from transfer_queue import KVBatchMeta

from harness.verl.plugins import dynamic_sampling, storage
from harness.verl.plugins.dynamic_sampling import (
    CountedPasses,
    DynamicSampling,
    TooFewGroups,
    differ,
)
from tests.verl.plugins.storage import Queue, batch, row

GROUP = 2


class Rollout:
    """A replay buffer and its storage: prompt k has the metric values outcomes[k]."""

    def __init__(self, outcomes: list[tuple[float, ...]]) -> None:
        self.outcomes = outcomes
        self.submitted: list[int] = []
        self.stored: dict[str, float] = {}
        self.sampled = 0

    def generate(self, prompts: int) -> None:
        first = sum(self.submitted)
        self.submitted.append(prompts)
        for prompt in range(first, first + prompts):
            for session, value in enumerate(self.outcomes[prompt]):
                self.stored[f"p{prompt}_{session}_0"] = value

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> Any:
        keys = [
            f"p{prompt}_{session}_0"
            for prompt in range(self.sampled, self.sampled + batch_size)
            for session in range(len(self.outcomes[prompt]))
        ]
        self.sampled += batch_size
        tags = [{"key": key, "step": global_steps} for key in keys]
        return KVBatchMeta(partition_id=partition_id, keys=keys, tags=tags), {"validation": 1}

    def clear(self, keys: list[str], partition: str) -> None:
        assert partition == "train"
        for key in keys:
            del self.stored[key]


@pytest.fixture
def sampling(monkeypatch: pytest.MonkeyPatch) -> Any:
    def build(outcomes: list[tuple[float, ...]], **changes: Any) -> tuple[Rollout, Any]:
        rollout = Rollout(outcomes)
        monkeypatch.setattr(
            dynamic_sampling,
            "metric_values",
            lambda batch, metric: {key: rollout.stored[key] for key in batch.keys},
        )
        monkeypatch.setattr(storage, "clear", rollout.clear)
        settings = {"metric": "correct", "prompts_per_batch": 3, "max_batches": 0} | changes
        return rollout, DynamicSampling(rollout, rollout.generate, **settings)

    return build


ALL_RIGHT, ALL_WRONG, MIXED = (1.0, 1.0), (0.0, 0.0), (0.0, 1.0)


def test_groups_are_kept_in_order_until_a_step_is_full_and_the_surplus_goes(sampling: Any) -> None:
    outcomes = [MIXED, ALL_RIGHT, ALL_WRONG, ALL_WRONG, MIXED, MIXED, MIXED, MIXED, MIXED]
    rollout, dynamic = sampling(outcomes)
    chosen, metrics = dynamic.sample(global_steps=7, partition_id="train", batch_size=4)
    kept = [f"p{prompt}_{session}_0" for prompt in (0, 4, 5, 6) for session in range(GROUP)]
    assert chosen.keys == kept and chosen.partition_id == "train"
    assert [tag["key"] for tag in chosen.tags] == kept
    assert set(rollout.stored) == set(kept), "dropped and surplus groups leave the storage"
    assert rollout.submitted == [3, 3, 3]
    assert metrics == {
        "training/filter_groups/batches": 3,
        "training/filter_groups/scored": 18,
        "training/filter_groups/constant": 3,
        "training/filter_groups/surplus": 2,
    }


def test_one_batch_may_be_enough(sampling: Any) -> None:
    _, dynamic = sampling([MIXED, MIXED, ALL_RIGHT])
    chosen, metrics = dynamic.sample(1, "train", 2)
    assert len(chosen) == 4 and metrics["training/filter_groups/batches"] == 1


def test_the_limit_counts_batches_of_one_step_and_allows_the_last(sampling: Any) -> None:
    rollout, dynamic = sampling([ALL_RIGHT] * 3 + [MIXED] * 3 + [ALL_RIGHT] * 6, max_batches=2)
    dynamic.sample(1, "train", 3)
    with pytest.raises(TooFewGroups, match=r"2 generation batches of 3 prompts gave 0 groups"):
        dynamic.sample(2, "train", 3)
    assert rollout.submitted == [3] * 4


def test_validation_is_left_alone(sampling: Any) -> None:
    rollout, dynamic = sampling([ALL_RIGHT] * 3)
    chosen, metrics = dynamic.sample(0, "val", 3)
    assert len(chosen) == 6 and metrics == {"validation": 1} and rollout.submitted == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.1] * 3, False), ([0.0, 1.0], True), ([1.0], True), ([0.1, 0.1 + 1e-9], True)],
)
def test_a_group_differs_exactly_where_two_values_do(values: list[float], expected: bool) -> None:
    # numpy's standard deviation of three 0.1 is 1.4e-17, which is above 0.
    assert differ(values) is expected


def test_metrics_are_read_where_the_reward_manager_leaves_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = {
        "a_0_0": row(2, 0.5, correct=True, truncated=False),
        "b_0_0": row(1, 1.5, correct=False, truncated=False),
    }
    monkeypatch.setattr(storage, "transfer_queue", Queue(rows))
    stored = batch(*rows)
    assert dynamic_sampling.metric_values(stored, "reward") == {"a_0_0": 0.5, "b_0_0": 1.5}
    assert dynamic_sampling.metric_values(stored, "correct") == {"a_0_0": 1.0, "b_0_0": 0.0}


def loader(rows: int, batch: int) -> Any:
    from torchdata.stateful_dataloader import StatefulDataLoader

    return StatefulDataLoader(list(range(rows)), batch_size=batch, drop_last=True)


def drawn(passes: CountedPasses, batches: int) -> list[list[int]]:
    """As verl draws: a new iterator whenever one ends."""
    found, rows = [], iter(passes)
    for _ in range(batches):
        try:
            found.append(next(rows).tolist())
        except StopIteration:
            rows = iter(passes)
            found.append(next(rows).tolist())
    return found


@pytest.mark.parametrize("before", [1, 2, 3, 4])
def test_passes_are_counted_across_a_resume(before: int) -> None:
    whole = CountedPasses(loader(5, 2), limit=4)
    expected = drawn(whole, 7)
    assert whole.finished == 3
    first, second = (CountedPasses(loader(5, 2), limit=4) for _ in range(2))
    found = drawn(first, before)
    second.load_state_dict(first.state_dict())
    assert found + drawn(second, 7 - before) == expected
    assert second.finished == 3


def test_rows_are_not_used_more_often_than_asked_for() -> None:
    with pytest.raises(TooFewGroups, match=r"used 2 time\(s\).*schedule\.epochs"):
        drawn(CountedPasses(loader(4, 2), limit=2), 5)


def test_rows_that_fill_no_batch_are_refused() -> None:
    with pytest.raises(TooFewGroups, match=r"3 training rows.*4 prompts"):
        CountedPasses(loader(3, 4), limit=2)
