"""The launcher: all runs at once and in order, all errors before anything starts, nothing of
Hydra's settings ignored."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from harness.errors import ConfigError
from harness.sweep.refusals import SHOWN
from tests.sweep.sweeping import PLUGINS, multirun, recorded

RECIPES = ("+repro=tinyzero,logic_rl", "hardware=8xA100", "seed=1,2,3")


def with_group(tmp_path: Path, name: str, text: str) -> str:
    """A tracking option of the user's own, in a folder that Hydra is told of."""
    path = tmp_path / "tracking" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# @package _global_\n{text}")
    return f"hydra.searchpath=[file://{tmp_path}]"


def test_one_call_with_all_runs_in_the_order_of_the_sweep() -> None:
    with recorded() as acted:
        answers = multirun(*RECIPES, "action=plan")
    ((action, requests),) = acted.calls
    assert action == "plan"
    assert [(request.spec.repro, request.spec.seed) for request in requests] == [
        (recipe, seed) for recipe in ("tinyzero", "logic_rl") for seed in (1, 2, 3)
    ]
    assert requests[4].overrides == [
        "+repro=logic_rl", "hardware=8xA100", "++seed=2", "++action=plan",
    ]  # fmt: skip
    assert "hydra" not in requests[0].config
    assert [answer.return_value for answer in answers] == [None] * 6


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with recorded():
        multirun("seed=1,2", f"output_root={tmp_path}/out")
    assert list(tmp_path.iterdir()) == []


def test_every_wrong_run_is_told_and_none_starts() -> None:
    with recorded() as acted, pytest.raises(ConfigError) as refusal:
        multirun("+repro=tinyzero,logic_rll", "hardware=8xA100", "seed=1,x")
    text = str(refusal.value)
    assert acted.calls == [] and refusal.value.exit_code == 2
    assert text.startswith("3 of 4 runs of this sweep are refused, so none was started")
    assert text.count("did you mean logic_rl?") == 1 and text.count("valid integer") == 1
    for run in ("tinyzero hardware=8xA100 seed=x", "logic_rll hardware=8xA100 seed=1"):
        assert f"\n  in +repro={run}" in text
    assert "tinyzero hardware=8xA100 seed=1" not in text


def test_the_same_error_in_many_runs_is_short() -> None:
    with recorded(), pytest.raises(ConfigError) as refusal:
        multirun("schedule.stepss=1", "seed=range(0,50)")
    assert f"\n  and in {50 - SHOWN} more" in str(refusal.value)
    assert str(refusal.value).count("\n  in ") == SHOWN


def test_rules_between_fields_are_checked_for_each_run() -> None:
    with recorded() as acted, pytest.raises(ConfigError, match=r"1 of 2 .*\n\n.*60 \+ 16.*one of"):
        multirun("+repro=tinyzero", "hardware=4xA800", "algorithm.mini_batch_prompts=64,60")
    assert acted.calls == []


def test_an_evaluation_is_checked_as_one() -> None:
    with recorded() as acted:
        multirun("action=eval", "eval=aime24", "model.path=org/a,org/b", "hardware=1xH100")
    assert [request.eval_spec.model.name for request in acted.calls[0][1]] == ["a", "b"]
    with recorded(), pytest.raises(ConfigError, match="2 of 2 runs"):
        multirun("action=eval", "eval=held_out", "model.path=org/a,org/b", "hardware=1xH100")


def test_one_action_for_all_runs() -> None:
    with recorded(), pytest.raises(ConfigError, match="emit,plan: a sweep does one action"):
        multirun("action=plan,emit")


def test_a_launcher_setting_in_a_swept_group_is_refused(tmp_path: Path) -> None:
    where = with_group(tmp_path, "big", "hydra: {launcher: {gres: 'gpu:a100:8'}}")
    with recorded() as acted, pytest.raises(ConfigError) as refusal:
        multirun("tracking=none,big", where)
    assert acted.calls == []
    for part in ("1 of 2 runs", "hydra.launcher.gres", "gpu:a100:8", "tracking=big", "launch.*"):
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("hydra: {job: {name: other}}", "hydra.job.name"),
        ("hydra: {sweeper: {params: {seed: '1,2'}}}", "hydra.sweeper.params"),
        ("hydra: {job: {env_set: {A: b}}}", "hydra.job.env_set.A"),
    ],
)
def test_other_settings_of_the_sweep_are_refused_in_a_run(
    tmp_path: Path, text: str, key: str
) -> None:
    with recorded(), pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        multirun("tracking=none,odd", with_group(tmp_path, "odd", text))


@pytest.mark.parametrize(
    "word", ["+hydra.launcher.mem_gb=4", "hydra.job.chdir=true", "hydra.output_subdir=.hydra"]
)
def test_what_the_launcher_does_not_do_is_refused(word: str) -> None:
    with recorded(), pytest.raises(ConfigError, match="a sweep has no such setting"):
        multirun("seed=1,2", word)


def test_a_launcher_setting_in_a_group_of_all_runs_is_refused(tmp_path: Path) -> None:
    where = with_group(tmp_path, "big", "hydra: {launcher: {gres: 'gpu:a100:8'}}")
    with recorded(), pytest.raises(ConfigError, match="gres=gpu:a100:8: a sweep has no such"):
        multirun("tracking=big", "seed=1,2", where)


def test_launch_settings_belong_to_each_run() -> None:
    words = ("launch=local,slurm", "+repro=tinyzero", "hardware=8xA100")
    with recorded() as acted:
        multirun(*words)
    assert [request.spec.launch.kind for request in acted.calls[0][1]] == ["local", "slurm"]


def test_the_environment_of_the_sweep_holds_for_the_action(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    from harness import actions

    seen: list[str | None] = []
    monkeypatch.setattr(actions, "act", lambda *_: seen.append(os.environ.get("REPRISE_X")))
    multirun("seed=1,2", "+hydra.job.env_set.REPRISE_X=here")
    assert (seen, os.environ.get("REPRISE_X")) == (["here"], None)


def test_the_number_of_a_run_can_be_read() -> None:
    with recorded() as acted:
        multirun("seed=5,6", "model.name=m${hydra:job.num}")
    assert [request.spec.model.name for request in acted.calls[0][1]] == ["m0", "m1"]


def test_a_time_in_output_root_is_one_for_all_runs() -> None:
    with recorded() as acted:
        multirun("seed=1,2", "output_root=out/${now:%S.%f}")
    assert len({request.spec.output_root for request in acted.calls[0][1]}) == 1


def test_a_sweep_may_stand_in_a_file(tmp_path: Path) -> None:
    with recorded() as acted:
        multirun("+hydra.sweeper.params={seed:'1,2,3'}", "action=list")
    assert [OmegaConf.select(r.config, "seed") for r in acted.calls[0][1]] == [1, 2, 3]


def test_hydras_own_sweeper_works_too(tmp_path: Path) -> None:
    with recorded() as acted:
        multirun("seed=1,2", f"output_root={tmp_path}", plugins=[PLUGINS[0], "hydra/sweeper=basic"])
    assert len(acted.calls[0][1]) == 2
