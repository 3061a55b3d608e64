"""Rows of an update over mini-batches and ranks: which meet, what fills up, what verl is told."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402

from harness.verl.plugins import storage  # noqa: E402
from harness.verl.plugins.mini_batches import RESPONSES, Layout, laid_out, layout  # noqa: E402
from tests.verl.plugins.storage import Queue, row  # noqa: E402

ROWS = [f"p{i // 4}_{i % 4}_0" for i in range(12)]
SPARE = ["x_0_0", "x_1_0", "x_2_0", "x_3_0"]
LENGTHS = {key: 100 + 37 * i % 90 for i, key in enumerate([*ROWS, *SPARE])}


def mini_batches(found: Layout, ranks: int) -> list[set[str]]:
    """What verl trains on at once: the same stretch of every rank's rows."""
    share, each = len(found.keys) // ranks, found.size // ranks
    parts = [found.keys[i * share : (i + 1) * share] for i in range(ranks)]
    return [
        {key for part in parts for key in part[start : start + each]}
        for start in range(0, share, each)
    ]


def made(rows: list[str], mini_batch: int, ranks: int) -> Layout:
    units = [[key] for key in rows]
    return layout(units, SPARE, LENGTHS, mini_batch=mini_batch, ranks=ranks)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_rows_fill_mini_batches_in_order_on_any_number_of_gpus(ranks: int) -> None:
    found = made(ROWS, 4, ranks)
    assert mini_batches(found, ranks) == [set(ROWS[:4]), set(ROWS[4:8]), set(ROWS[8:])]
    assert found.size == 4 and not found.fillers
    assert set(found.responses.values()) == {4}


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("left", range(1, 12))
def test_what_is_missing_is_filled_up_and_counted_out(ranks: int, left: int) -> None:
    rows = ROWS[:left]
    found = made(rows, 4, ranks)
    cuts = [set(rows[i : i + 4]) for i in range(0, left, 4)]
    together = mini_batches(found, ranks)
    assert [batch - set(found.fillers) for batch in together] == cuts
    assert all(len(batch) == found.size for batch in together) and found.size % ranks == 0
    assert all(found.responses[key] == len(cuts[i]) for i, b in enumerate(together) for key in b)
    assert set(found.fillers) <= set(SPARE)


def test_the_shortest_of_the_rest_fill_up() -> None:
    found = made(ROWS[:3], 4, 2)
    assert found.fillers == (min(SPARE, key=LENGTHS.__getitem__),)
    assert found.size == 4, "one mini-batch is no larger than its rows need"


def test_ranks_get_about_as_much_work() -> None:
    found = made(ROWS, 12, 2)
    shares = [sum(LENGTHS[key] for key in found.keys[i : i + 6]) for i in (0, 6)]
    assert abs(shares[0] - shares[1]) < 0.05 * sum(shares)


def test_groups_stay_together() -> None:
    units = [ROWS[i : i + 4] for i in (0, 4, 8)] + [[f"p3_{i}_0" for i in range(4)]]
    lengths = LENGTHS | {key: 90 for key in units[3]}
    found = layout(units, [], lengths, mini_batch=4, ranks=2)
    assert found.size == 16 and sorted(found.keys) == sorted(key for unit in units for key in unit)
    stretches = [list(found.keys[i : i + 4]) for i in range(0, 16, 4)]
    assert sorted(stretches) == sorted(units)


def test_while_verl_updates_fillers_are_masked_and_every_row_has_its_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [*ROWS[:3], *SPARE]
    rows: dict[str, Any] = {key: row(3, 0.0, correct=False, truncated=False) for key in keys}
    for content in rows.values():
        content["loss_mask"] = content["response_mask"].clone()
    queue = Queue(rows)
    monkeypatch.setattr(storage, "transfer_queue", queue)
    config = OmegaConf.create(
        {
            "actor_rollout_ref": {"actor": {"ppo_mini_batch_size": 8}, "rollout": {"n": 4}},
            "critic": {"ppo_mini_batch_size": 8},
        }
    )
    OmegaConf.set_struct(config, True)
    before = OmegaConf.to_container(config)
    found = made(ROWS[:3], 4, 2)
    [filler] = found.fillers
    with laid_out(found, "train", config, "actor"):
        actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
        assert actor.ppo_mini_batch_size * rollout.n == 4
        assert [int(queue.rows[key][RESPONSES]) for key in found.keys] == [3] * 4
        assert not queue.rows[filler]["response_mask"].any()
        assert not queue.rows[filler]["loss_mask"].any()
        assert queue.rows[ROWS[0]]["response_mask"].all()
    assert OmegaConf.to_container(config) == before
    assert queue.rows[filler]["response_mask"].all() and queue.rows[filler]["loss_mask"].all()
    with laid_out(found, "train", config, "critic"):
        assert config.critic.ppo_mini_batch_size * config.actor_rollout_ref.rollout.n == 4
