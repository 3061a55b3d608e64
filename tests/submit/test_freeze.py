"""What is frozen before SLURM hears of a run, and what is refused when it no longer holds."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.chain import legs
from harness.errors import ConfigError, RunDirError, SubmitError
from harness.paths import ROOT
from harness.rundir import RunDir, record, run_name
from harness.spec import RunSpec, SlurmLaunch
from harness.submit import freeze
from harness.submit.freeze import (
    changed_keys,
    changed_packages,
    environment_text,
    freeze_run,
    refuse_unshared,
    relocated,
)
from tests.submit.stub import slurm_run, with_launch


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A snapshot that holds the tiny model."""
    folder = tmp_path / "code" / "0123"
    (folder / "harness" / "tiny" / "countdown").mkdir(parents=True)
    return folder


def frozen(tmp_path: Path, code: Path, *overrides: str) -> tuple[RunSpec, Path]:
    spec = slurm_run(tmp_path, *overrides)
    run = tmp_path / run_name(spec)
    freeze_run(RunDir(run), spec, code)
    return spec, run


def test_a_run_is_frozen_with_its_keys_and_its_command(tmp_path: Path, code: Path) -> None:
    spec, run = frozen(tmp_path, code, "+repro=tinyzero")
    assert json.loads((run / "run.json").read_text()) == json.loads(json.dumps(record(spec)))
    keys = json.loads((run / "train" / "frozen.json").read_text())
    assert keys["trainer.default_local_dir"] == str(run / "checkpoints")
    assert keys["actor_rollout_ref.model.path"] == str(code / "harness" / "tiny" / "countdown")
    command = (run / "train" / "command.txt").read_text()
    assert "python -m verl.trainer.main_ppo" in command
    assert f"PYTHONPATH={code}" in command
    assert str(ROOT) not in command.replace(sys.executable, "")


def test_every_training_of_a_chain_is_frozen(tmp_path: Path, code: Path) -> None:
    spec, run = frozen(tmp_path, code, "+repro=deepscaler")
    stages = [leg.name for leg in legs(spec)]
    assert len(stages) > 1
    folders = [run / "stages" / stage for stage in stages]
    keys = [json.loads((folder / "train" / "frozen.json").read_text()) for folder in folders]
    assert [key["trainer.default_local_dir"] for key in keys] == [
        str(folder / "checkpoints") for folder in folders
    ]
    assert keys[1]["actor_rollout_ref.model.path"] == str(folders[0] / "model")
    assert all((folder / "train" / "command.txt").exists() for folder in folders)
    assert not (run / "train").exists()


def test_only_what_the_snapshot_has_is_relocated(code: Path) -> None:
    tiny = "harness/tiny/countdown"
    assert relocated(f"{ROOT}/{tiny}", code) == str(code / tiny)
    assert relocated(str(ROOT), code) == str(code)
    for same in (f"{ROOT}/outputs/run/checkpoints", f"{ROOT}-other/harness", "Qwen/Qwen2.5-3B", 3):
        assert relocated(same, code) == same


def test_a_foreign_run_directory_is_refused(tmp_path: Path, code: Path) -> None:
    spec, run = frozen(tmp_path, code)
    content = (run / "run.json").read_text()
    with pytest.raises(RunDirError, match=r"(?s)belongs to another run.*seed"):
        freeze_run(RunDir(run), spec.model_copy(update={"seed": 2}), code)
    assert (run / "run.json").read_text() == content


def test_changed_keys_are_named_with_both_values(
    tmp_path: Path, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "relocated", lambda value, code: value)
    spec, run = frozen(tmp_path, code)
    assert changed_keys(spec, run) == []
    path = run / "train" / "frozen.json"
    keys: dict[str, Any] = json.loads(path.read_text())
    keys |= {
        "actor_rollout_ref.actor.optim.lr": 7.0,
        "gone.key": 1,
        "trainer.total_training_steps": 0,
    }
    path.write_text(json.dumps(keys))
    lr, gone = changed_keys(spec, run)
    assert lr.startswith("actor_rollout_ref.actor.optim.lr: frozen 7.0, here ")
    assert gone == "gone.key: frozen 1, here None"


def test_changed_packages_are_named_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"a": "1.0", "b": "2.0+cpu", "c": "3"}
    monkeypatch.setattr(freeze, "packages", lambda: installed)
    text = environment_text()
    assert text == "a==1.0\nb==2.0+cpu\nc==3\n"
    assert changed_packages(text) == []
    assert changed_packages("a==1.0\nb==2.0\nghost==1.0\n") == [
        "b: frozen 2.0, here 2.0+cpu",
        "c: frozen absent, here 3",
        "ghost: frozen 1.0, here absent",
    ]


def unshared(spec: RunSpec, python: str = "/shared/venv/bin/python") -> str:
    """The refusal; empty when there is none."""
    assert isinstance(spec.launch, SlurmLaunch)
    try:
        refuse_unshared(spec, spec.launch, Path(spec.output_root) / "code" / "0", python)
    except SubmitError as error:
        return str(error)
    return ""


def test_what_nodes_do_not_see_is_named() -> None:
    spec = with_launch(slurm_run(Path("/scratch/out")), shared_paths=["/shared", "/home"])
    refusal = unshared(spec, "/opt/python")
    for said in ("output_root: /scratch/out", "code: /scratch/out/code/0", "interpreter: /opt"):
        assert said in refusal
    assert "launch.shared_paths (/shared /home)" in refusal and "output_root=" in refusal
    assert unshared(with_launch(spec, shared_paths=[])) == ""
    good = with_launch(slurm_run(Path("/shared/out")), shared_paths=["/shared"])
    assert unshared(good) == ""
    assert "model: /models/a" in unshared(
        good.model_copy(update={"model": good.model.model_copy(update={"path": "/models/a"})})
    )


def test_an_image_takes_the_place_of_the_interpreter() -> None:
    spec = slurm_run(Path("/shared/out"))
    container = {"kind": "apptainer", "image": "/images/a.sif"}
    refusal = unshared(with_launch(spec, shared_paths=["/shared"], container=container), "/opt/p")
    assert "image: /images/a.sif" in refusal and "interpreter" not in refusal
    container["image"] = "docker://a/b"
    assert unshared(with_launch(spec, shared_paths=["/shared"], container=container), "/o") == ""


def test_links_to_shared_folders_and_of_virtual_environments(tmp_path: Path) -> None:
    (tmp_path / "data" / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "data" / "venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    (tmp_path / "home").symlink_to(tmp_path / "data")
    home = tmp_path / "home"
    spec = with_launch(slurm_run(tmp_path / "data" / "out"), shared_paths=[str(home)])
    assert unshared(spec, str(home / "venv" / "bin" / "python")) == ""


def test_keys_that_verl_does_not_have_are_refused_before_anything_is_written(
    tmp_path: Path, code: Path
) -> None:
    spec = slurm_run(tmp_path, "++verl.no_such_group.key=1")
    run = tmp_path / "run"
    with pytest.raises(ConfigError, match=r"no_such_group\.key"):
        freeze_run(RunDir(run), spec, code)
    assert not run.exists()
