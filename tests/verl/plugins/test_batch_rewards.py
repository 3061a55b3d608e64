"""Batch rewards without Ray: what the function sees, what is stored and kept, and how it may
fail."""

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402

from harness.rewards import Batch  # noqa: E402
from harness.verl.plugins import storage  # noqa: E402
from harness.verl.plugins.batch_rewards import (  # noqa: E402
    BatchReward,
    BatchRewardFailed,
    batch_reward_of,
    reward_batch,
)
from harness.verl.traceback_text import last_traceback  # noqa: E402
from tests.verl.plugins.storage import Queue, batch, two_groups  # noqa: E402

TOKENIZER = SimpleNamespace(decode=lambda ids: " ".join(map(str, ids)))
DRAWN = ["b_0_0", "b_1_0", "a_2_0", "a_10_0"]
"""As the data loader gave them: neither by key nor by length."""
STORED = ("a_10_0", "b_1_0", "pad_0_0", "a_2_0", "b_0_0")


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    made = two_groups()
    monkeypatch.setattr(storage, "transfer_queue", made)
    return made


def given(function: Any, kept: dict[str, Any], **arguments: Any) -> dict[str, float]:
    reward = BatchReward(function=function, arguments=arguments)
    return reward_batch(batch(*STORED), TOKENIZER, reward, drawn=DRAWN, step=7, kept=kept)


def test_the_step_is_seen_whole_in_the_order_of_the_data_loader(queue: Queue) -> None:
    seen: list[Batch] = []

    def by_length(step: Batch, weight: float) -> list[list[float]]:
        seen.append(step)
        step.state["steps"] = step.state.get("steps", 0) + 1
        return [[weight * one.sample.response_tokens for one in group] for group in step.groups]

    kept: dict[str, Any] = {"reward": {"steps": 4, "mode": "short"}, "validation": {"acc": 0.5}}
    metrics = given(by_length, kept, weight=0.5)
    (step,) = seen
    assert [[one.sample.response_tokens for one in g] for g in step.groups] == [[2, 4], [3, 5]]
    assert step.groups[0][1].sample.token_ids == (0, 1, 2, 3)
    assert (step.step, step.validation, step.monitor) == (7, {"acc": 0.5}, None)
    stored = {key: content["rm_scores"].tolist() for key, content in queue.rows.items()}
    assert stored["b_0_0"] == [0.0, 1.0] and stored["a_10_0"] == [0.0, 0.0, 0.0, 0.0, 2.5]
    assert stored["pad_0_0"] == [0.0]
    assert kept["reward"] == {"steps": 5, "mode": "short"}
    assert metrics == {
        "training/batch_reward/before": 0.75,
        "training/batch_reward/after": 1.75,
        "training/reward_state/steps": 5.0,
    }


def scores(step: Batch) -> list[list[float]]:
    return [[one.score.value for one in group] for group in step.groups]


def boom(step: Batch) -> list[list[float]]:
    step.state["best"].append(9)
    raise KeyError("length")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            boom,
            r"KeyError: 'length'\n    raised in boom, .*test_batch_rewards.*in step 7 with 2 gr",
        ),
        (lambda step: scores(step)[:1], r"rewards of 1 groups in step 7 with 2 groups"),
        (lambda step: [[1.0, 1.0], [1.0]], r"returned \[1\.0\] for group 1 of 2 responses in step"),
        (lambda step: [[1.0, float("nan")], [1.0, 1.0]], r"\[1\.0, nan\] for group 0"),
        (lambda step: None, r"TypeError"),
    ],
)
def test_a_failure_shows_step_and_group_and_changes_nothing(
    queue: Queue, function: Any, said: str
) -> None:
    kept: dict[str, Any] = {"reward": {"best": [1]}}
    with pytest.raises(BatchRewardFailed, match=said) as caught:
        given(function, kept)
    assert "prompt: 7 8" in str(caught.value) and "'answer': '42'" in str(caught.value)
    assert kept == {"reward": {"best": [1]}}
    assert queue.rows["a_2_0"]["rm_scores"].tolist() == [0.0, 0.0, 1.0]
    log = f"Traceback (most recent call last):\nBatchRewardFailed: {caught.value}\nnext line"
    assert "ground truth" in (last_traceback(log) or "")


@pytest.mark.parametrize(
    "value", [(1, 2), {1: 2}, {1, 2}, float("nan"), object(), [(1, 2)], torch.tensor(1.0)]
)
def test_a_state_that_a_checkpoint_would_change_is_refused(queue: Queue, value: Any) -> None:
    def keeps(step: Batch) -> list[list[float]]:
        step.state["lengths"] = value
        return scores(step)

    kept: dict[str, Any] = {}
    with pytest.raises(BatchRewardFailed, match=r"left 'lengths' = .*state of step 7.*JSON"):
        given(keeps, kept)
    assert kept == {}
    assert queue.rows["a_2_0"]["rm_scores"].tolist() == [0.0, 0.0, 1.0]


def test_the_function_is_found_by_name() -> None:
    ours = {"batch_reward": None, "batch_reward_arguments": {"scale": [1, 2]}}
    assert batch_reward_of(OmegaConf.create({"reprise": ours})) is None
    found = batch_reward_of(OmegaConf.create({"reprise": ours | {"batch_reward": "math:fsum"}}))
    assert found is not None
    assert found.function is __import__("math").fsum and found.arguments == {"scale": [1, 2]}
