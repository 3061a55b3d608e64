"""The update of a step without Ray: verl's own advantages and calls, an in-memory storage, and
workers that cut what they get as verl's do; losses are compared with float64 references over the
rows that the update should be made of."""

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402
from tensordict import TensorDict  # noqa: E402
from transfer_queue import KVBatchMeta  # noqa: E402
from verl.trainer.ppo.v1 import trainer_base  # noqa: E402
from verl.utils import tensordict_utils  # noqa: E402

from harness.selection import kept  # noqa: E402
from harness.verl.plugins import storage  # noqa: E402
from harness.verl.plugins.preference_loss import GROUP, LEVEL, NoLevel  # noqa: E402
from harness.verl.plugins.trainer import Trainer  # noqa: E402
from tests.verl.plugins import references  # noqa: E402
from tests.verl.plugins.storage import Queue, row  # noqa: E402
from tests.verl.plugins.trainers import config  # noqa: E402

PROMPTS, GROUP_SIZE = 4, 4
KEYS = [f"p{p}_{s}_0" for p in range(PROMPTS) for s in range(GROUP_SIZE)]
REWARDS = dict(zip(KEYS, [1, 0, 0, 0, 1, 1, 1, 1, 0.5, 1, 0, 1, 0, 0, 0, 0], strict=True))
LENGTHS = {key: 2 + 5 * i % 7 for i, key in enumerate(KEYS)}
DRAWN = torch.Generator().manual_seed(3)


def numbers(key: str) -> Any:
    return torch.randn(LENGTHS[key], generator=DRAWN, dtype=torch.float64) / 4


OLD = {key: numbers(key) - 1 for key in KEYS}
LOG_PROBS = {key: OLD[key] + numbers(key) for key in KEYS}
ENTROPIES = {key: numbers(key).abs() for key in KEYS}


def tag(key: str) -> dict[str, int]:
    return {"seq_len": 2 + LENGTHS[key]}


class Store(Queue):
    """The storage as verl sees it: fields that no row has are left out, and a put answers."""

    def kv_batch_get(self, keys: list[str], partition_id: str, select_fields: list[str]) -> Any:
        there = [name for name in select_fields if name in self.rows[keys[0]]]
        return super().kv_batch_get(keys, partition_id, there)

    def kv_batch_put(self, keys: list[str], partition_id: str, fields: Any) -> KVBatchMeta:
        super().kv_batch_put(keys, partition_id, fields)
        return KVBatchMeta(partition_id=partition_id, keys=keys, tags=[tag(key) for key in keys])


class Workers:
    """Ranks that take mini-batches from their stretch of the rows, as TrainingWorker does."""

    def __init__(self, store: Store, ranks: int) -> None:
        self.store, self.ranks = store, ranks
        self._dispatch_info = {"actor": list(range(ranks))}
        self.losses: list[float] = []
        self.given = 0

    def set_loss_fn(self, loss: Any) -> None:
        self.loss, self.given = loss, self.given + 1

    def update_actor(self, batch: KVBatchMeta) -> Any:
        size, ranks = batch.extra_info["mini_batch_size"], self.ranks
        assert size == batch.extra_info["global_batch_size"]
        share = len(batch) // ranks
        assert share * ranks == len(batch) and size % ranks == 0 and not len(batch) % size
        for start in range(0, share, size // ranks):
            stretch = slice(start, start + size // ranks)
            parts = [batch.keys[i * share : (i + 1) * share][stretch] for i in range(ranks)]
            tokens = sum(int(self.store.rows[k]["loss_mask"].sum()) for p in parts for k in p)
            self.losses.append(sum(self._loss(p, tokens, size) for p in parts) / ranks)
        return {"metrics": {"mfu": [0.0]}}

    def _loss(self, keys: list[str], tokens: int, size: int) -> float:
        fields = ["response_mask", "old_log_probs", "advantages", "responses", "prompts"]
        fields += [
            f
            for f in ("reprise_responses", LEVEL, GROUP, "ref_log_prob")
            if f in self.store.rows[keys[0]]
        ]
        data = TensorDict(
            {f: nested([self.store.rows[k][f] for k in keys]) for f in fields}, batch_size=len(keys)
        )
        tensordict_utils.assign_non_tensor(
            data, dp_size=self.ranks, batch_num_tokens=tokens, global_batch_size=size
        )
        output = {"log_probs": model_rows(LOG_PROBS, keys), "entropy": model_rows(ENTROPIES, keys)}
        loss, _ = self.loss(model_output=output, data=data)
        return float(loss)


def nested(rows: list[Any]) -> Any:
    return torch.nested.as_nested_tensor(rows, layout=torch.jagged)


def model_rows(values: dict[str, Any], keys: list[str]) -> Any:
    """Two tokens of prompt, whose model outputs come one place early."""
    return nested([torch.cat([torch.zeros(1), values[key], torch.zeros(1)]) for key in keys])


def stored(key: str) -> dict[str, Any]:
    made = row(LENGTHS[key], REWARDS[key], correct=REWARDS[key] == 1, truncated=False)
    made["extra_fields"]["reward_extra_info"]["level"] = 2.0 - (REWARDS[key] == 1)
    mask = torch.ones(LENGTHS[key], dtype=torch.int64)
    return made | {
        "uid": key.split("_")[0],
        "loss_mask": mask,
        "old_log_probs": OLD[key],
        "ref_log_prob": OLD[key] - 0.1,
        "rm_scores": made["rm_scores"].double(),
    }


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the part of a step from advantages on; the batch comes ordered by length, as verl's."""
    monkeypatch.setattr(trainer_base, "build_checkpoint_callback", lambda _: None)
    monkeypatch.setattr(
        trainer_base, "RolloutMoELoadBalanceMetricsAccumulator", lambda model_config: None
    )

    def run(trainer: Any = None, ranks: int = 1, mode: str = "token-mean", **ours: Any) -> Any:
        store = Store({key: stored(key) for key in KEYS})
        monkeypatch.setattr(storage, "transfer_queue", store)
        monkeypatch.setattr(trainer_base, "tq", store)
        if trainer is None:
            made = config(**ours)
            changed = {
                "actor_rollout_ref": {
                    "actor": {
                        "loss_agg_mode": mode,
                        "clip_ratio_c": 1e6,
                        "use_kl_loss": "preference_loss" in ours,
                    },
                    "rollout": {"n": GROUP_SIZE},
                },
                "algorithm": {"adv_estimator": "grpo", "gamma": 1.0, "lam": 1.0},
            }
            OmegaConf.set_struct(made, False)
            made.merge_with(changed)
            trainer = Trainer(made)
            trainer.distillation_config, trainer.global_steps = None, 7
        workers = trainer.actor_rollout_wg = Workers(store, ranks)
        monkeypatch.setattr(trainer_base.PPOTrainer, "_setup", lambda self: None)
        trainer._setup()
        keys = sorted(KEYS, key=LENGTHS.__getitem__)
        batch = KVBatchMeta(partition_id="train", keys=keys, tags=[tag(key) for key in keys])
        trainer.drawn = list(KEYS)
        metrics: dict[str, Any] = {}
        batch = trainer._compute_advantage(batch, metrics)
        batch = trainer._update_actor(batch, metrics)
        assert sorted(batch.keys) == sorted(KEYS), "verl's metrics read every response"
        return SimpleNamespace(
            trainer=trainer, store=store, losses=workers.losses, metrics=metrics, workers=workers
        )

    return run


def selection(mini_batch: int, **changes: Any) -> dict[str, Any]:
    settings = {"train_group_size": None, "drop_groups": None, "pruning": None} | changes
    return {"selection": settings | {"mini_batch": {"actor": mini_batch}}}


def advantages(keys: list[str]) -> dict[str, float]:
    """GRPO among these responses alone."""
    scores, groups = [REWARDS[key] for key in keys], [key.split("_")[0] for key in keys]
    found = references.grpo(scores, groups, epsilon=1e-6, by_std=True)
    return dict(zip(keys, found, strict=True))


def policy_gradient(rows: list[str], of: dict[str, float], mode: str) -> float:
    """The clipped loss over these rows and no others."""
    losses = [
        [
            references.clipped(float(p), float(o), of[key], low=0.2, high=0.2, dual=None)
            for p, o in zip(LOG_PROBS[key], OLD[key], strict=True)
        ]
        for key in rows
    ]
    return references.aggregate(losses, mode, 48.0)


def grouped(keys: list[str]) -> list[list[str]]:
    return [[k for k in keys if k.startswith(f"p{p}_")] for p in range(PROMPTS)]


MODES = ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum"]
RANKS = [1, 2, 4]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ranks", RANKS)
def test_pruning(step: Any, mode: str, ranks: int) -> None:
    """CPPO, section 3.2: the loss is the mean over the responses that stay in the group."""
    pruning = {"rate": 0.34, "drop": "smallest", "across": "group", "rounding": "down"}
    done = step(mode=mode, ranks=ranks, **selection(4, pruning=pruning))
    of = advantages(KEYS)
    rows = [
        group[i] for group in grouped(KEYS) for i in kept([of[k] for k in group], 0.34, "smallest")
    ]
    assert len(rows) == 8
    expected = [policy_gradient(rows[i : i + 4], of, mode) for i in (0, 4)]
    assert done.losses == pytest.approx(expected, rel=1e-5)
    assert done.metrics["training/selection/kept_responses"] == 8


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ranks", RANKS)
def test_pruning_over_the_step_in_unequal_mini_batches(step: Any, mode: str, ranks: int) -> None:
    pruning = {"rate": 0.5625, "drop": "largest", "across": "step", "rounding": "down"}
    done = step(mode=mode, ranks=ranks, **selection(4, pruning=pruning))
    of = advantages(KEYS)
    rows = [KEYS[i] for i in kept([of[key] for key in KEYS], 0.5625, "largest")]
    assert len(rows) == 7
    expected = [policy_gradient(part, of, mode) for part in (rows[:4], rows[4:])]
    assert done.losses == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ranks", RANKS)
def test_the_first_of_each_group(step: Any, mode: str, ranks: int) -> None:
    """Advantages compare the trained responses, not those that were only scored."""
    done = step(mode=mode, ranks=ranks, **selection(6, train_group_size=3))
    rows = [key for group in grouped(KEYS) for key in group[:3]]
    of = advantages(rows)
    expected = [policy_gradient(part, of, mode) for part in (rows[:6], rows[6:])]
    assert done.losses == pytest.approx(expected, rel=1e-5, abs=1e-9)
    left_out = KEYS[3]
    assert not done.store.rows[left_out]["advantages"].any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize(("metric", "groups"), [("reward", [0, 2]), ("correct", [0, 2])])
def test_groups_that_do_not_differ_leave(
    step: Any, mode: str, ranks: int, metric: str, groups: list[int]
) -> None:
    """Two of four groups are left, and the mean is over them, in one mini-batch or in two."""
    of = advantages(KEYS)
    rows = [key for i, group in enumerate(grouped(KEYS)) for key in group if i in groups]
    for mini_batch in (16, 8, 4):
        done = step(mode=mode, ranks=ranks, **selection(mini_batch, drop_groups=metric))
        parts = [rows[i : i + mini_batch] for i in range(0, len(rows), mini_batch)]
        expected = [policy_gradient(part, of, mode) for part in parts]
        assert done.losses == pytest.approx(expected, rel=1e-5)
        assert done.metrics["training/selection/dropped_groups"] == 2
        assert done.metrics["training/selection/skipped_updates"] == 0


def test_what_must_differ_is_what_was_named(step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half right earns another reward than wrong, and neither is correct."""
    monkeypatch.setitem(REWARDS, "p3_0_0", 0.5)
    dropped = [
        step(**selection(16, drop_groups=metric)).metrics["training/selection/dropped_groups"]
        for metric in ("reward", "correct")
    ]
    assert dropped == [1, 2]


def test_a_step_without_a_group_updates_nothing_and_training_goes_on(
    step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in KEYS:
        monkeypatch.setitem(REWARDS, key, 0)
    adaptive = {"target": 9.0, "delta": 0.1, "min_coef": 0.2, "max_coef": 1.0}
    done = step(adaptive_entropy=adaptive, **selection(16, drop_groups="reward"))
    assert done.losses == []
    assert done.metrics["training/selection/skipped_updates"] == 1
    assert done.metrics["training/selection/kept_responses"] == 0
    assert not any(done.store.rows[key]["advantages"].any() for key in KEYS)
    assert done.trainer.kept["entropy"]["coefficient"] == 0.2, "nothing was measured"


ADAPTIVE = {"target": 9.0, "delta": 0.1, "min_coef": 0.0, "max_coef": 0.15}


@pytest.mark.parametrize("mode", MODES)
def test_the_entropy_bonus_follows_its_controller(step: Any, mode: str) -> None:
    """The coefficient of a step counts in the next one, which workers are told of."""
    everything = selection(16, train_group_size=GROUP_SIZE)
    done = step(mode=mode, adaptive_entropy=ADAPTIVE, **everything)
    plain = done.losses[0]
    entropies = references.aggregate([ENTROPIES[key].tolist() for key in KEYS], mode, 48.0)
    assert done.metrics["training/entropy_coef"] == 0.0
    assert done.trainer.kept["entropy"] == {"coefficient": 0.1, "applied": True}
    for coefficient in (0.1, 0.15, 0.15):
        done = step(trainer=done.trainer)
        assert done.metrics["training/entropy_coef"] == pytest.approx(coefficient)
        assert done.losses[0] == pytest.approx(plain - coefficient * entropies)
    done.trainer.controller.target = 0.01
    done = step(trainer=done.trainer)
    assert done.metrics["training/entropy_coef"] == pytest.approx(0.15)
    done = step(trainer=done.trainer)
    assert done.metrics["training/entropy_coef"] == 0.0, "not applied above the target"
    assert done.losses[0] == pytest.approx(plain)


def test_a_resumed_run_tells_its_workers_the_coefficient(step: Any) -> None:
    done = step(adaptive_entropy=ADAPTIVE)
    fresh = step(adaptive_entropy=ADAPTIVE).trainer
    fresh.kept = {"entropy": done.trainer.kept["entropy"]}
    assert step(trainer=fresh).losses == step(trainer=done.trainer).losses
    assert fresh.entropy_coef == pytest.approx(0.1)


PAIRS = {
    "level": "level",
    "beta": 0.5,
    "best_weight": 2.0,
    "trust_coef": 0.3,
    "trust_estimator": "k3",
    "group_rows": GROUP_SIZE,
}


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_loss_over_pairs_of_whole_groups(step: Any, ranks: int) -> None:
    done = step(ranks=ranks, preference_loss=PAIRS, **selection(8))
    for i, loss in enumerate(done.losses):
        rows = KEYS[8 * i : 8 * i + 8]
        # A rank holds whole groups: one of two, or both.
        parts = grouped(rows)[2 * i : 2 * i + 2] if ranks == 2 else [rows]
        pairs = sum(preference(part) * len(part) / 8 for part in parts)
        moved = [
            [
                references.kl("k3", float(p), float(o))
                for p, o in zip(LOG_PROBS[k], OLD[k], strict=True)
            ]
            for k in rows
        ]
        # The penalty to the reference has no weight and is measured.
        reference = [
            [
                references.kl("k3", float(p), float(o) - 0.1)
                for p, o in zip(LOG_PROBS[k], OLD[k], strict=True)
            ]
            for k in rows
        ]
        expected = pairs + 0.3 * references.aggregate(moved, "token-mean", 48.0)
        expected += 0.04 * references.aggregate(reference, "token-mean", 48.0)
        assert loss == pytest.approx(expected)


def preference(keys: list[str]) -> float:
    return references.preference(
        [LOG_PROBS[key].tolist() for key in keys],
        [(OLD[key] - 0.1).tolist() for key in keys],
        [1 if REWARDS[key] == 1 else 2 for key in keys],
        [int(key[1]) for key in keys],
        beta=0.5,
        best_weight=2.0,
    )


def test_a_score_without_the_level_is_refused(step: Any) -> None:
    with pytest.raises(NoLevel, match=r"level=rank is no component.*acc, extracted, format, level"):
        step(preference_loss=PAIRS | {"level": "rank"})
