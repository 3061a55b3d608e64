"""A chain of trainings: what each stage sees, where it starts, and what is refused."""

from pathlib import Path

import pytest

from harness.chain import announced_end, legs, run_folder, start_path
from harness.errors import ConfigError
from harness.plan.run_plan import plan
from harness.plan.text import text
from harness.rundir import NOTICE, identity
from harness.spec import RLAlgorithm
from harness.verl.emit import emit
from tests.composing import spec_of

CHAIN = (
    "stages=[{name: short, set: {schedule.steps: 3}},"
    "{name: long, set: {data.max_response_tokens: 64, algorithm.group_size: 4}}]"
)


def test_a_run_without_stages_trains_once() -> None:
    spec = spec_of("+repro=tinyzero")
    (leg,) = legs(spec)
    assert (leg.name, leg.spec) == ("", spec)
    assert leg.folder(Path("/run")) == Path("/run")


def test_each_stage_changes_what_it_sets_and_starts_from_the_one_before() -> None:
    short, long = legs(spec_of("algorithm=grpo", CHAIN))
    assert isinstance(short.spec.algorithm, RLAlgorithm)
    assert isinstance(long.spec.algorithm, RLAlgorithm)
    assert (short.spec.schedule.steps, long.spec.schedule.steps) == (3, 12)
    assert (short.spec.algorithm.group_size, long.spec.algorithm.group_size) == (8, 4)
    assert (short.spec.data.max_response_tokens, long.spec.data.max_response_tokens) == (48, 64)
    assert (short.spec.starts_from, long.spec.starts_from) == (None, "short")


def test_policy_and_reference_of_a_stage_are_the_export_of_the_one_before() -> None:
    _, long = legs(spec_of("algorithm=grpo", CHAIN))
    folder = long.folder(Path("/run"))
    assert folder == Path("/run/stages/long")
    assert start_path(long.spec, folder) == "/run/stages/short/model"
    keys = emit(long.spec, folder, steps=2)
    assert keys["actor_rollout_ref.model.path"] == "/run/stages/short/model"
    assert keys["trainer.default_local_dir"] == "/run/stages/long/checkpoints"


def test_a_critic_starts_from_the_export_as_well() -> None:
    _, long = legs(spec_of("+repro=tinyzero", CHAIN.replace("algorithm.group_size: 4", "seed: 1")))
    keys = emit(long.spec, long.folder(Path("/run")), steps=2)
    assert keys["critic.model.path"] == "/run/stages/short/model"


def test_stages_are_part_of_the_identity() -> None:
    once, chained = spec_of("algorithm=grpo"), spec_of("algorithm=grpo", CHAIN)
    assert identity(once) != identity(chained)
    short, long = legs(chained)
    assert identity(short.spec) != identity(long.spec)


def test_the_plan_shows_every_stage() -> None:
    spec = spec_of("algorithm=grpo", CHAIN)
    said = text(plan(spec), spec)
    assert "stage short (starts from model)" in said
    assert "stage long (starts from short)" in said
    assert "32 prompts x 4 = 128 per step" in said


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ("[{name: a, set: {schedule.stps: 2}}]", r"stage a: unknown key schedule.stps; did you"),
        ("[{name: a},{name: a}]", r"a is there twice"),
        ("[{name: a, set: {algorithm.critic.epochs: 2}}]", r"algorithm.critic.epochs.*critic is"),
        ("[{name: a, set: {data.max_response_tokens: 9000}}]", r"stage a: .* exceed the context"),
        ("[{name: a, set: {schedule.steps: many}}]", r"schedule.steps='many'"),
    ],
)
def test_contradictory_stages_are_refused(stages: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spec_of("algorithm=grpo", f"stages={stages}")


@pytest.mark.parametrize(
    ("step", "said"), [(5, "never saved"), (40, "never reached"), (8, None), (12, None)]
)
def test_the_exported_checkpoint_must_exist(step: int, said: str | None) -> None:
    words = ("algorithm=grpo", f"schedule.export_step={step}")
    if said is None:
        keys = emit(spec_of(*words), Path("/run"), steps=12)
        assert keys["trainer.max_actor_ckpt_to_keep"] == (None if step < 12 else 2)
        return
    with pytest.raises(ConfigError, match=said):
        spec_of(*words)


def test_an_end_is_announced_to_every_training_of_a_run(tmp_path: Path) -> None:
    stage = tmp_path / "stages" / "8k"
    assert run_folder(stage) == run_folder(tmp_path) == tmp_path
    assert not announced_end(stage) and not announced_end(tmp_path)
    (tmp_path / NOTICE).write_text("{}")
    assert announced_end(stage) and announced_end(tmp_path)
