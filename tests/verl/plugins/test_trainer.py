"""The trainer without Ray: what it changes of verl's loop, and that it changes nothing unasked."""

import copy
import inspect
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from transfer_queue import KVBatchMeta  # noqa: E402
from verl.trainer.ppo.v1 import trainer_base  # noqa: E402
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopWorkerTQ  # noqa: E402
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync  # noqa: E402

from harness.rundir import NOTICE  # noqa: E402
from harness.verl.checkpoint import RUN_FILE_VARIABLE  # noqa: E402
from harness.verl.plugins import trainer as plugin  # noqa: E402
from harness.verl.plugins import update  # noqa: E402
from harness.verl.plugins.dynamic_sampling import CountedPasses, DynamicSampling  # noqa: E402
from harness.verl.plugins.losses import KLTerm, critic_loss, policy_loss  # noqa: E402
from harness.verl.plugins.trainer import Trainer  # noqa: E402
from harness.verl.plugins.update import kl_term  # noqa: E402
from harness.verl.replay_buffer import StrictReplayBuffer  # noqa: E402
from tests.verl.plugins.trainers import SAMPLED_AT, builder, config  # noqa: E402

LOG_PROBS_AT = 1.0
GROUPS = {"filter_groups": {"metric": "correct", "prompts_per_batch": 8, "max_batches": 5}}


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    return builder(monkeypatch)


def test_verl_finds_the_trainer_and_the_agent_loop_by_name() -> None:
    from verl.experimental.agent_loop.agent_loop import _agent_loop_registry

    assert trainer_base.get_trainer_cls("reprise") is Trainer
    assert "reprise" in _agent_loop_registry


def test_verl_treats_it_as_its_synchronous_trainer(build: Any) -> None:
    trainer = build()
    assert trainer.trainer_mode == "sync" == trainer.replay_buffer.trainer_mode
    assert trainer.parameter_sync_step == 1
    assert type(trainer.replay_buffer) is StrictReplayBuffer
    # What makes a mode asynchronous in verl must not hold here.
    assert 'self.trainer_mode != "sync"' in inspect.getsource(trainer_base.PPOTrainer)
    assert trainer.config.algorithm.reprise == trainer.config.reprise


@pytest.mark.parametrize(
    ("step", "save_every", "announced", "saves", "last"),
    [
        (3, 4, False, 0, 12),  # nobody asked
        (3, 4, True, 1, 3),
        (4, 4, True, 0, 4),  # verl has saved it
        (3, -1, True, 1, 3),
        (12, 5, True, 0, 12),  # the last of all is saved in any case
    ],
)
def test_an_announced_end_makes_the_step_the_last_and_saves_it(
    build: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any,
    step: int, save_every: int, announced: bool, saves: int, last: int,
) -> None:  # fmt: skip
    saved: list[int] = []
    monkeypatch.setattr(PPOTrainerSync, "on_step_end", lambda self: None)
    monkeypatch.setattr(PPOTrainerSync, "_save_checkpoint", lambda self: saved.append(step))
    monkeypatch.setenv(RUN_FILE_VARIABLE, str(tmp_path / "run.json"))
    if announced:
        (tmp_path / NOTICE).write_text("{}")
    trainer = build()
    trainer.config.trainer.default_local_dir = str(tmp_path)
    trainer.config.trainer.save_freq = save_every
    trainer.global_steps, trainer.total_training_steps = step, 12
    trainer.on_step_end()
    assert (len(saved), trainer.total_training_steps) == (saves, last)


def test_verls_loop_ends_after_the_last_step_and_saves_before_its_end() -> None:
    """What on_step_end relies on: verl saves first, and asks for the last step every time."""
    source = inspect.getsource(trainer_base.PPOTrainer.fit)
    assert "self.global_steps <= self.total_training_steps:" in source
    assert source.index("self._save_checkpoint()") < source.index("self.on_step_end()")
    assert source.index("self.on_step_end()") < source.index("self.logger.log(data=metrics")


def test_unasked_every_step_is_verls(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def note(name: str) -> Any:
        return lambda self, *args, **kwargs: called.append(name) or name

    steps = ("_setup", "_init_dataloader", "prepare_step", "_compute_advantage")
    for name in steps:
        monkeypatch.setattr(PPOTrainerSync, name, note(name))
    trainer = build()
    trainer.train_dataloader = loader = object()
    trainer._setup()
    trainer._init_dataloader()
    assert trainer.train_dataloader is loader
    metrics: dict[str, Any] = {}
    assert trainer.prepare_step() == "prepare_step"
    assert trainer._compute_advantage("batch", metrics) == "_compute_advantage"
    assert metrics == {} and called == list(steps)


class Workers:
    """A worker group that notes the temperature of each of its calls."""

    def __init__(self) -> None:
        self.temperatures: dict[str, float] = {}

    def __getattr__(self, name: str) -> Any:
        def call(batch: KVBatchMeta) -> Any:
            self.temperatures[name] = batch.extra_info["temperature"]
            output = SimpleNamespace(get=lambda: {"metrics": {"mfu": [0.0]}}, futures=[])
            return output if "batch" in name else {"metrics": {"mfu": [0.0]}}

        return call


class Stop(Exception):
    pass


@pytest.mark.parametrize("log_probs_at", [SAMPLED_AT, LOG_PROBS_AT])
def test_every_call_of_the_workers_has_the_log_prob_temperature(
    build: Any, monkeypatch: pytest.MonkeyPatch, log_probs_at: float
) -> None:
    """verl's own methods, with a worker group that stops them after the call."""
    trainer = build(log_prob_temperature=log_probs_at)
    sampling = copy.deepcopy(trainer.config)  # as Ray copies it for agent loops, before fit()
    monkeypatch.setattr(PPOTrainerSync, "fit", lambda self, manager: None)
    trainer.fit(None)
    workers = Workers()
    trainer.actor_rollout_wg = trainer.ref_policy_wg = trainer.critic_wg = workers
    trainer.ref_in_actor, trainer.distillation_config = False, None

    def stop(*_: Any, **__: Any) -> Any:
        raise Stop

    monkeypatch.setattr(trainer_base.tq, "kv_batch_get", stop)
    monkeypatch.setattr(trainer_base.ray, "get", stop)
    batch = KVBatchMeta(partition_id="train", keys=["a_0_0"], tags=[{}])
    for step in ("_compute_old_log_prob", "_compute_ref_log_prob", "_compute_values"):
        batch.extra_info = {}
        with pytest.raises((Stop, TypeError)):
            getattr(trainer, step)(batch, {})
    for step in ("_update_critic", "_update_actor"):
        batch.extra_info = {}
        getattr(trainer, step)(batch, {})
    asked = {
        "compute_log_prob",
        "compute_ref_log_prob",
        "infer_batch",
        "train_mini_batch",
        "update_actor",
    }
    assert workers.temperatures == dict.fromkeys(asked, log_probs_at)
    assert sampling.actor_rollout_ref.rollout.temperature == SAMPLED_AT


def test_sampling_takes_its_temperature_from_the_agent_loops_own_configuration() -> None:
    """The other half of the proof: verl reads it from the worker's copy and from nothing sent."""
    source = inspect.getsource(AgentLoopWorkerTQ.__ray_metadata__.modified_class.generate_sequences)
    assert "config = self.config.actor_rollout_ref.rollout" in source
    assert "temperature=config.temperature" in source and "extra_info" not in source


def test_dynamic_sampling_stands_before_the_buffer(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = build(**GROUPS)
    dynamic = trainer.replay_buffer
    assert isinstance(dynamic, DynamicSampling)
    assert isinstance(dynamic.buffer, StrictReplayBuffer)
    assert (dynamic.metric, dynamic.prompts_per_batch, dynamic.max_batches) == ("correct", 8, 5)
    assert dynamic.generate == trainer._add_prompts_to_generate
    assert trainer.prepare_step() == {}, "generation starts with sampling"

    def verls(self: Any) -> None:
        self.train_dataloader = [1, 2]

    monkeypatch.setattr(PPOTrainerSync, "_init_dataloader", verls)
    trainer._init_dataloader()
    assert isinstance(trainer.train_dataloader, CountedPasses)
    assert trainer.train_dataloader.limit == 3


def test_the_epoch_is_counted_in_rows(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        PPOTrainerSync, "_compute_metrics", lambda self, *args: seen.append(args[-1])
    )
    for ours in ({}, GROUPS):
        trainer = build(**ours)
        trainer.train_dataloader = SimpleNamespace(finished=2)
        trainer._compute_metrics(None, {}, {}, global_steps=9, epoch=0)
    assert seen == [0, 2]


def test_group_rewards_come_before_the_mask_and_both_before_advantages(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[Any] = []

    def rewards(batch: Any, tokenizer: Any, function: Any, arguments: Any) -> dict[str, float]:
        order.append((tokenizer, function, arguments))
        return {"after": 1.0}

    def mask(batch: Any) -> dict[str, float]:
        order.append("mask")
        return {"masked": 0.5}

    monkeypatch.setattr(plugin, "reward_groups", rewards)
    monkeypatch.setattr(plugin, "mask_truncated", mask)
    monkeypatch.setattr(
        PPOTrainerSync, "_compute_advantage", lambda self, batch, metrics: order.append("verl")
    )
    trainer = build(
        mask_truncated=True, group_reward="math:fsum", group_reward_arguments={"alpha": [1, 2]}
    )
    trainer.tokenizer = "tokenizer"
    metrics: dict[str, float] = {"before": 0.0}
    trainer._compute_advantage("batch", metrics)
    fsum = __import__("math").fsum
    assert order == [("tokenizer", fsum, {"alpha": [1, 2]}), "mask", "verl"]
    assert metrics == {"before": 0.0, "after": 1.0, "masked": 0.5}


SUMMED = KLTerm(
    coef=0.04, estimator="k3", aggregation="seq-mean-token-sum", token_limit=10.0, divisor=48.0
)


@pytest.mark.parametrize(
    ("ours", "term"),
    [
        ({}, None),
        ({"kl_loss_aggregation": "seq-mean-token-sum", "kl_loss_token_limit": 10.0}, SUMMED),
        (
            {"kl_loss_token_limit": 2.0},
            KLTerm(
                coef=0.04,
                estimator="k3",
                aggregation="seq-mean-token-mean",
                token_limit=2.0,
                divisor=48.0,
            ),
        ),
    ],
)
def test_the_kl_term_is_ours_where_verls_does_not_do(
    ours: dict[str, Any], term: KLTerm | None
) -> None:
    made = config(**ours)
    assert kl_term(made) == term
    made.actor_rollout_ref.actor.use_kl_loss = False
    assert kl_term(made) is None


@pytest.mark.parametrize("masked", [True, False])
def test_the_critic_is_given_the_loss(
    build: Any, monkeypatch: pytest.MonkeyPatch, masked: bool
) -> None:
    """verl's value loss of a mini-batch whose responses are all masked is 0 / 0."""
    monkeypatch.setattr(PPOTrainerSync, "_setup", lambda self: None)
    monkeypatch.setattr(update, "omega_conf_to_dataclass", lambda settings: settings)
    trainer, given = build(mask_truncated=masked), []
    trainer.use_critic, trainer.critic_wg = True, SimpleNamespace(set_loss_fn=given.append)
    trainer.actor_rollout_wg = SimpleNamespace(set_loss_fn=lambda loss: None)
    trainer._setup()
    assert [loss.func for loss in given] == [critic_loss] * masked


@pytest.mark.parametrize(
    ("ours", "kl", "verls_kl"),
    [
        ({"kl_loss_aggregation": "seq-mean-token-sum", "kl_loss_token_limit": 10.0}, SUMMED, False),
        ({"mask_truncated": True}, None, True),
    ],
)
def test_the_workers_are_given_the_loss(
    build: Any,
    monkeypatch: pytest.MonkeyPatch,
    ours: dict[str, Any],
    kl: KLTerm | None,
    verls_kl: bool,
) -> None:
    monkeypatch.setattr(PPOTrainerSync, "_setup", lambda self: None)
    trainer, given = build(**ours), []
    trainer.actor_rollout_wg = SimpleNamespace(set_loss_fn=given.append)
    trainer._setup()
    [loss] = given
    assert loss.func is policy_loss and loss.args[1] == kl
    assert loss.args[0].use_kl_loss is verls_kl
    # The reference model is asked for by the configuration, which must go on asking.
    assert trainer.config.actor_rollout_ref.actor.use_kl_loss
