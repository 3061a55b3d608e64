"""Group rewards without Ray: what the function sees, what is stored, and how it may fail."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from harness.rewards import Sample, Score, Scored  # noqa: E402
from harness.verl.plugins import storage  # noqa: E402
from harness.verl.plugins.group_rewards import (  # noqa: E402
    GroupRewardFailed,
    reward_groups,
    rewards_of,
)
from harness.verl.traceback_text import last_traceback  # noqa: E402
from tests.verl.plugins.storage import Queue, batch, two_groups  # noqa: E402

TOKENIZER = SimpleNamespace(decode=lambda ids: " ".join(map(str, ids)))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    made = two_groups()
    monkeypatch.setattr(storage, "transfer_queue", made)
    return made


def test_a_group_is_seen_whole_and_its_rewards_replace_the_scores(queue: Queue) -> None:
    seen: list[list[Scored]] = []

    def shortest_first(group: Sequence[Scored], weight: float) -> list[float]:
        seen.append(list(group))
        return [weight * scored.sample.response_tokens for scored in group]

    order = batch("b_1_0", "a_10_0", "pad_0_0", "a_2_0", "b_0_0")
    metrics = reward_groups(order, TOKENIZER, shortest_first, {"weight": 0.5})
    assert [[s.sample.response_tokens for s in group] for group in seen] == [[3, 5], [2, 4]]
    first = seen[0][0]
    assert first.sample.prompt == "7 8" and first.sample.response == "0 1 2"
    assert first.sample.ground_truth == {"answer": "42"} and not first.sample.truncated
    assert seen[0][1].sample.truncated and seen[0][1].score.extracted is None
    assert (first.score.value, first.score.correct, first.score.extracted) == (1.0, True, "42")
    assert first.score.components == {"format": 1.0}
    stored = {key: content["rm_scores"].tolist() for key, content in queue.rows.items()}
    assert stored["a_2_0"] == [0.0, 0.0, 1.5] and stored["b_1_0"] == [0.0, 0.0, 0.0, 2.0]
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
        reward_groups(batch("a_2_0", "a_10_0"), TOKENIZER, function, {})
    message = str(caught.value)
    assert "prompt: 7 8" in message and "'answer': '42'" in message
    assert "reward 1, correct True, 3 tokens, truncated False: 0 1 2" in message
    assert queue.rows["a_2_0"]["rm_scores"].tolist() == [0.0, 0.0, 1.0]


def test_every_line_of_the_message_reaches_the_user() -> None:
    sample = Sample(prompt="two\nlines", response="r", ground_truth="42")
    group = [Scored(sample=sample, score=Score(value=0.0, correct=False))]
    with pytest.raises(GroupRewardFailed) as caught:
        rewards_of(lambda _: [], group, {})
    log = f"Traceback (most recent call last):\nGroupRewardFailed: {caught.value}\nnext line"
    assert "    lines" in (last_traceback(log) or "") and "next" not in (last_traceback(log) or "")
