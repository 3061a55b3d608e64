"""Group rewards without Ray: what the function sees, what is stored, and how it may fail."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from transfer_queue import KVBatchMeta  # noqa: E402

from harness.rewards import Scored  # noqa: E402
from harness.verl.plugins import group_rewards, truncation  # noqa: E402
from harness.verl.plugins.group_rewards import GroupRewardFailed, reward_groups  # noqa: E402

TOKENIZER = SimpleNamespace(decode=lambda ids: " ".join(map(str, ids)))


class Column(list):  # type: ignore[type-arg]
    """A column of objects as TransferQueue hands it out."""

    def tolist(self) -> list[Any]:
        return list(self)


class Queue:
    """TransferQueue with everything in one dictionary."""

    def __init__(self, rows: dict[str, dict[str, Any]]) -> None:
        self.rows = rows

    def kv_batch_get(self, keys: list[str], partition_id: str, select_fields: list[str]) -> Any:
        assert partition_id == "train"
        return {name: Column(self.rows[key][name] for key in keys) for name in select_fields}

    def kv_batch_put(self, keys: list[str], partition_id: str, fields: Any) -> None:
        for name, column in fields.items():
            for key, value in zip(keys, column.unbind(), strict=True):
                self.rows[key][name] = value


def row(tokens: int, reward: float, *, correct: bool, truncated: bool) -> dict[str, Any]:
    scores = torch.zeros(tokens)
    scores[-1] = reward
    info = {"acc": float(correct), "extracted": "42" if correct else "", "format": 1.0}
    return {
        "prompts": torch.tensor([7, 8]),
        "responses": torch.arange(tokens),
        "rm_scores": scores,
        "response_mask": torch.ones(tokens, dtype=torch.int64),
        "extra_fields": {"reward_extra_info": info, "reprise_truncated": truncated},
        "reward_model": {"ground_truth": json.dumps({"answer": "42"})},
    }


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Two prompts with two responses each, and a row of verl's padding."""
    made = Queue(
        {
            "a_0_0": row(3, 1.0, correct=True, truncated=False),
            "a_1_0": row(5, 0.0, correct=False, truncated=True),
            "b_0_0": row(2, 1.0, correct=True, truncated=False),
            "b_1_0": row(4, 1.0, correct=True, truncated=True),
            "pad_0_0": row(1, 0.0, correct=False, truncated=True),
        }
    )
    monkeypatch.setattr(group_rewards, "transfer_queue", made)
    monkeypatch.setattr(truncation, "transfer_queue", made)
    return made


def batch(*keys: str) -> KVBatchMeta:
    tags = [{"is_padding": key.startswith("pad")} for key in keys]
    return KVBatchMeta(partition_id="train", keys=list(keys), tags=tags)


def test_a_group_is_seen_whole_and_its_rewards_replace_the_scores(queue: Queue) -> None:
    seen: list[list[Scored]] = []

    def shortest_first(group: Sequence[Scored], weight: float) -> list[float]:
        seen.append(list(group))
        return [weight * scored.sample.response_tokens for scored in group]

    order = batch("b_1_0", "a_1_0", "pad_0_0", "a_0_0", "b_0_0")
    metrics = reward_groups(order, TOKENIZER, shortest_first, {"weight": 0.5})
    assert [[s.sample.response_tokens for s in group] for group in seen] == [[3, 5], [2, 4]]
    first = seen[0][0]
    assert first.sample.prompt == "7 8" and first.sample.response == "0 1 2"
    assert first.sample.ground_truth == {"answer": "42"} and not first.sample.truncated
    assert seen[0][1].sample.truncated and seen[0][1].score.extracted is None
    assert (first.score.value, first.score.correct, first.score.extracted) == (1.0, True, "42")
    assert first.score.components == {"format": 1.0}
    stored = {key: content["rm_scores"].tolist() for key, content in queue.rows.items()}
    assert stored["a_0_0"] == [0.0, 0.0, 1.5] and stored["b_1_0"] == [0.0, 0.0, 0.0, 2.0]
    assert stored["pad_0_0"] == [0.0]
    assert metrics == {"training/group_reward/before": 0.75, "training/group_reward/after": 1.75}


def boom(group: Sequence[Scored]) -> list[float]:
    raise KeyError("length")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (boom, r"KeyError: 'length'"),
        (lambda group: [1.0], r"returned \[1\.0\] for a group of 2"),
        (lambda group: [1.0, float("nan")], r"returned \[1\.0, nan\]"),
        (lambda group: [1.0, None], r"TypeError"),
    ],
)
def test_a_failure_ends_the_run_and_shows_the_group(queue: Queue, function: Any, said: str) -> None:
    with pytest.raises(GroupRewardFailed, match=said) as caught:
        reward_groups(batch("a_0_0", "a_1_0"), TOKENIZER, function, {})
    message = str(caught.value)
    assert "prompt: 7 8" in message and "'answer': '42'" in message
    assert "reward 1, correct True, 3 tokens, truncated False: 0 1 2" in message
    assert queue.rows["a_0_0"]["rm_scores"].tolist() == [0.0, 0.0, 1.0]


def test_functions_are_named_by_module(queue: Queue) -> None:
    assert group_rewards.load("math:fsum") is __import__("math").fsum


def test_truncated_responses_are_masked_in_both_masks(queue: Queue) -> None:
    queue.rows["pad_0_0"]["response_mask"] = torch.zeros(1, dtype=torch.int64)
    metrics = truncation.mask_truncated(batch("a_0_0", "a_1_0", "pad_0_0", "b_0_0", "b_1_0"))
    for name in ("response_mask", "loss_mask"):
        kept = {key: int(content[name].sum()) for key, content in queue.rows.items()}
        assert kept == {"a_0_0": 3, "a_1_0": 0, "b_0_0": 2, "b_1_0": 0, "pad_0_0": 0}
        assert len(queue.rows["a_1_0"][name]) == 5
    assert metrics == {"training/masked_truncated": 0.5}
