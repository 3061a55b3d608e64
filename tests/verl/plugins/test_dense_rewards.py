"""Token rewards without Ray: what the function sees, what is stored, and how it may fail."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402
from verl.trainer.ppo.core_algos import FixedKLController  # noqa: E402
from verl.trainer.ppo.v1 import trainer_base  # noqa: E402

from harness.rewards import Sample  # noqa: E402
from harness.verl.plugins import storage  # noqa: E402
from harness.verl.plugins.dense_rewards import (  # noqa: E402
    Dense,
    DenseRewardFailed,
    add_dense_rewards,
    dense_of,
)
from tests.verl.plugins import references  # noqa: E402
from tests.verl.plugins.storage import Queue, batch, row  # noqa: E402

TOKENIZER = SimpleNamespace(decode=lambda ids: " ".join(map(str, ids)))
ORDER = ("b_0_0", "pad_0_0", "a_0_0", "a_1_0")
VALUES = {"a_0_0": [0.5, -0.25, 1.0], "a_1_0": [0.1, 0.2], "b_0_0": [0.0, 0.3, 0.6, 0.9]}
KL = 0.02
"""Penalty of every token."""


def odd(sample: Sample, *, penalty: float) -> list[float]:
    assert sample.token_ids is not None
    return [penalty if token % 2 else 0.0 for token in sample.token_ids]


DENSE = Dense(
    function=odd,
    arguments={"penalty": -0.5},
    gamma=0.5,
    score_gamma=0.9,
    critic=True,
    kl_in_reward=True,
)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Three responses as verl leaves them after its own advantages, and a row of its padding."""
    made = Queue(
        {
            "a_0_0": row(3, 1.0, correct=True, truncated=False),
            "a_1_0": row(2, -2.0, correct=False, truncated=False),
            "b_0_0": row(4, 0.5, correct=True, truncated=False),
            "pad_0_0": row(1, 0.0, correct=False, truncated=False),
        }
    )
    for key, content in made.rows.items():
        scores = content["rm_scores"].double()
        values = torch.tensor(VALUES.get(key, [7.0]), dtype=torch.float64)
        content |= {"rm_scores": scores, "token_level_rewards": scores - KL, "values": values}
    made.rows["pad_0_0"]["response_mask"] = torch.zeros(1, dtype=torch.int64)
    monkeypatch.setattr(storage, "transfer_queue", made)
    return made


def column(queue: Queue, name: str) -> list[list[float]]:
    return [queue.rows[key][name].tolist() for key in VALUES]


def streams(*, kl: float) -> list[references.Batch]:
    scores = [[0.0, 0.0, 1.0], [0.0, -2.0], [0.0, 0.0, 0.0, 0.5]]
    tokens = [[0.0, -0.5, 0.0], [0.0, -0.5], [0.0, -0.5, 0.0, -0.5]]
    return [[[reward - kl / 2 for reward in row] for row in one] for one in (scores, tokens)]


def agree(found: list[list[float]], expected: list[list[float]]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("critic", [True, False])
@pytest.mark.parametrize("kl_in_reward", [True, False])
def test_each_stream_has_its_discount_and_half_of_the_penalty(
    queue: Queue, critic: bool, kl_in_reward: bool
) -> None:
    dense = replace(DENSE, critic=critic, kl_in_reward=kl_in_reward)
    metrics = add_dense_rewards(batch(*ORDER), TOKENIZER, dense)
    kl = KL if kl_in_reward else 0.0
    values = [of if critic else [0.0] * len(of) for of in VALUES.values()]
    raw = references.multi_gamma(streams(kl=kl), [0.9, 0.5], values)
    agree(column(queue, "advantages"), references.whiten(raw))
    agree(
        column(queue, "returns"),
        [[a + v for a, v in zip(*both, strict=True)] for both in zip(raw, values, strict=True)],
    )
    agree(
        column(queue, "token_level_rewards"),
        [
            [sum(both) for both in zip(*rows, strict=True)]
            for rows in zip(*streams(kl=kl), strict=True)
        ],
    )
    assert metrics["training/dense_reward/mean"] == pytest.approx(-2.0 / 3)
    assert metrics["training/dense_reward/share"] == 1.0


def test_scores_stay_and_padding_is_not_scored(queue: Queue) -> None:
    seen: list[tuple[int, ...] | None] = []

    def note(sample: Sample) -> list[float]:
        seen.append(sample.token_ids)
        return [0.0] * len(sample.token_ids or ())

    scores = column(queue, "rm_scores")
    metrics = add_dense_rewards(
        batch(*ORDER), TOKENIZER, replace(DENSE, function=note, arguments={})
    )
    assert seen == [(0, 1, 2, 3), (0, 1, 2), (0, 1)] and column(queue, "rm_scores") == scores
    assert queue.rows["pad_0_0"]["advantages"].tolist() == [0.0]
    assert metrics == {"training/dense_reward/mean": 0.0, "training/dense_reward/share": 0.0}


def boom(sample: Sample) -> list[float]:
    raise KeyError("ids")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (boom, r"KeyError: 'ids'"),
        (lambda sample: [0.0], r"returned 1 numbers for 4 tokens"),
        (lambda sample: [float("nan")] * 4, "not finite"),
    ],
)
def test_a_failure_ends_the_run_and_shows_the_response(
    queue: Queue, function: Any, said: str
) -> None:
    dense = replace(DENSE, function=function, arguments={})
    with pytest.raises(DenseRewardFailed, match=said) as caught:
        add_dense_rewards(batch("b_0_0"), TOKENIZER, dense)
    assert "prompt: 7 8" in str(caught.value)


def test_what_the_configuration_asks_for() -> None:
    asked = {"function": None, "arguments": {}, "gamma": None}
    config = OmegaConf.create(
        {
            "reprise": {"dense_reward": asked},
            "algorithm": {"gamma": 0.9, "adv_estimator": "gae", "use_kl_in_reward": True},
        }
    )
    assert dense_of(config) is None
    config.reprise.dense_reward = {
        "function": f"{__name__}:odd",
        "arguments": {"penalty": -0.5},
        "gamma": 0.5,
    }
    found = dense_of(config)
    assert found is not None and replace(found, function=odd) == DENSE
    assert found.function.__name__ == "odd"
    config.algorithm.adv_estimator = "reinforce_plus_plus"
    without = dense_of(config)
    assert without is not None and not without.critic


@pytest.mark.parametrize("kl_in_reward", [True, False])
def test_verl_leaves_what_is_read_here(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, kl_in_reward: bool
) -> None:
    """verl's own step before it: without a dense reward both give the same advantages."""
    for key, content in queue.rows.items():
        content.pop("token_level_rewards")
        tokens = len(content["responses"])
        content["uid"] = key
        content["old_log_probs"] = torch.linspace(-2.0, -1.0, tokens, dtype=torch.float64)
        content["ref_log_prob"] = torch.full((tokens,), -1.2, dtype=torch.float64)
        content["rollout_log_probs"] = content["old_log_probs"]
    monkeypatch.setattr(trainer_base, "tq", queue)
    algorithm = {
        "adv_estimator": "gae",
        "gamma": 0.9,
        "lam": 1.0,
        "use_kl_in_reward": kl_in_reward,
        "kl_penalty": "kl",
        "rollout_correction": {"bypass_mode": True},
    }
    whole = {"algorithm": algorithm, "actor_rollout_ref": {"rollout": {"n": 1}}}
    verl = SimpleNamespace(
        config=OmegaConf.create(whole), kl_ctrl_in_reward=FixedKLController(kl_coef=0.1)
    )
    order = batch(*ORDER)
    trainer_base.PPOTrainer._compute_advantage(verl, order, {})
    theirs = {name: column(queue, name) for name in ("advantages", "returns")}
    nothing = replace(
        DENSE,
        function=lambda sample: [0.0] * len(sample.token_ids),
        arguments={},
        gamma=0.9,
        kl_in_reward=kl_in_reward,
    )
    add_dense_rewards(order, TOKENIZER, nothing)
    for name, expected in theirs.items():
        agree(column(queue, name), expected)
