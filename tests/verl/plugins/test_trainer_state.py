"""What the trainer keeps from step to step for rewards: saved, resumed, and exact after a kill."""

import copy
import inspect
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from transfer_queue import KVBatchMeta  # noqa: E402
from verl.trainer.ppo.v1 import trainer_base  # noqa: E402
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync  # noqa: E402

from harness.verl.plugins import trainer as plugin  # noqa: E402
from tests.verl.plugins.trainers import builder  # noqa: E402


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    return builder(monkeypatch)


@pytest.mark.parametrize("kept", [{}, {"reward": {"best": 0.5, "lengths": [3, 4]}}])
def test_what_is_kept_is_saved_before_the_checkpoint_is_whole_and_resumed(
    build: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, kept: dict[str, Any]
) -> None:
    file = tmp_path / "global_step_7" / plugin.TRAINER_STATE
    whole: list[bool] = []

    def load(trainer: Any) -> None:
        trainer.global_steps = 7

    monkeypatch.setattr(
        PPOTrainerSync, "_save_checkpoint", lambda self: whole.append(file.exists())
    )
    monkeypatch.setattr(PPOTrainerSync, "_load_checkpoint", load)
    saving, resumed = build(), build()
    for trainer in (saving, resumed):
        trainer.config.trainer.default_local_dir = str(tmp_path)
    saving.kept = copy.deepcopy(kept)
    saving.global_steps = 7
    saving._save_checkpoint()
    assert whole == [True], "verl declares a checkpoint whole at the end of its own saving"
    resumed._load_checkpoint()
    assert resumed.kept == kept


def test_a_run_from_the_start_keeps_nothing(
    build: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def load(trainer: Any) -> None:
        trainer.global_steps = 0

    monkeypatch.setattr(PPOTrainerSync, "_load_checkpoint", load)
    trainer = build()
    trainer._load_checkpoint()
    assert trainer.kept == {}


BATCH = {"batch_reward": "math:fsum", "batch_reward_arguments": {"scale": 2}}


@pytest.mark.parametrize(
    ("step", "every", "kept"),
    [(4, 2, True), (0, 2, True), (3, 2, False), (0, -1, True), (4, -1, False)],
)
def test_scheduled_validations_are_kept_for_the_reward(
    build: Any, monkeypatch: pytest.MonkeyPatch, step: int, every: int, kept: bool
) -> None:
    metrics = {"val-core/countdown/acc/mean@1": np.float64(0.25)}
    monkeypatch.setattr(PPOTrainerSync, "_validate", lambda self: metrics)
    for ours in ({}, BATCH):
        trainer = build(**ours)
        trainer.global_steps, trainer.config.trainer.test_freq = step, every
        assert trainer._validate() == metrics
        expected = {"validation": {"val-core/countdown/acc/mean@1": 0.25}} if kept and ours else {}
        assert trainer.kept == expected


@pytest.mark.parametrize(
    ("resumed_from", "first", "ours", "again"),
    [(4, False, BATCH, [4]), (3, False, BATCH, []), (0, False, BATCH, []), (4, False, {}, []),
     (4, True, BATCH, [])],
)  # fmt: skip
def test_a_validation_that_came_after_the_checkpoint_is_made_up_for(
    build: Any, monkeypatch: pytest.MonkeyPatch, resumed_from: int, first: bool,
    ours: dict[str, Any], again: list[int],
) -> None:  # fmt: skip
    """verl saves a step and then validates; with val_before_train it validates by itself."""
    made: list[int] = []

    def validate(trainer: Any) -> dict[str, float]:
        made.append(trainer.global_steps)
        return {}

    monkeypatch.setattr(PPOTrainerSync, "_validate", validate)
    trainer = build(**ours)
    trainer.config.trainer.val_before_train = first
    trainer.global_steps = resumed_from + 1
    trainer.on_train_begin()
    assert (made, trainer.global_steps) == (again, resumed_from + 1)


def test_verl_saves_before_it_validates_and_begins_after_both() -> None:
    source = inspect.getsource(trainer_base.PPOTrainer.fit)
    loop = source[source.index("while ") :]
    assert loop.index("self._save_checkpoint()") < loop.index("self._validate()")
    assert source.index("self.global_steps += 1") < source.index("self.on_train_begin()")
    assert loop.index("self.on_step_begin()") < loop.index("self.step(")


def test_the_monitor_problems_are_asked_before_the_step_and_seen_by_its_reward(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    seen: list[Any] = []

    class Problems:
        def sample(self, loops: Any, buffer: Any, step: int) -> list[str]:
            asked.append((loops, buffer, step))
            return [f"pass of {step}"]

    def rewards(batch: Any, tokenizer: Any, reward: Any, **given: Any) -> dict[str, float]:
        seen.append((given["step"], given["drawn"], given["monitor"], reward.arguments))
        given["kept"]["reward"] = {"best": 1}
        return {"after": 1.0}

    monkeypatch.setattr(plugin, "reward_batch", rewards)
    monkeypatch.setattr(PPOTrainerSync, "_compute_advantage", lambda self, batch, metrics: batch)
    monkeypatch.setattr(PPOTrainerSync, "_balance_batch", lambda self, batch, metrics: batch)
    trainer = build(**BATCH, monitor={"file": "f", "every": 2, "samples": 3})
    trainer.monitor, trainer.tokenizer, trainer.agent_loop_manager = Problems(), None, "loops"
    batch = KVBatchMeta(partition_id="train", keys=["b_0_0", "a_0_0"], tags=[{}, {}])
    metrics: dict[str, Any] = {}
    for step in range(1, 5):
        trainer.global_steps, trainer.timing_raw = step, {}
        trainer.on_step_begin()
        trainer._compute_advantage(trainer._balance_batch(batch, metrics), metrics)
        assert ("monitor" in trainer.timing_raw) is (step == 3)
    assert asked == [("loops", trainer.replay_buffer, 3)]
    passes = [None, None, ["pass of 3"], None]
    assert seen == [(n + 1, ["b_0_0", "a_0_0"], p, {"scale": 2}) for n, p in enumerate(passes)]
    assert trainer.kept == {"reward": {"best": 1}} and metrics == {"after": 1.0}
