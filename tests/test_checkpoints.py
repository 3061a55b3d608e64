"""Checkpoint manifests: what is verified before a run resumes."""

import json
from pathlib import Path

import pytest

from harness.checkpoints import (
    MANIFEST,
    TRACKER,
    adopt,
    latest_step,
    resume_point,
    verify,
    write_manifest,
)
from harness.errors import RunDirError

RUN_A = {"identity": "a", "spec": {"seed": 1}}
RUN_B = {"identity": "b", "spec": {"seed": 2}}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    folder = tmp_path / "global_step_4"
    (folder / "actor").mkdir(parents=True)
    (folder / "actor" / "model.pt").write_bytes(b"12345")
    (folder / "data.pt").write_bytes(b"1")
    write_manifest(folder, RUN_A, 4)
    (tmp_path / TRACKER).write_text("4")
    return tmp_path


def test_manifest_lists_every_file(checkpoints: Path) -> None:
    manifest = json.loads((checkpoints / "global_step_4" / MANIFEST).read_text())
    assert manifest == {
        "run": RUN_A,
        "step": 4,
        "files": {"actor/model.pt": 5, "data.pt": 1},
    }
    assert not list(checkpoints.rglob("*.tmp"))


def test_a_rewritten_manifest_does_not_list_itself(checkpoints: Path) -> None:
    write_manifest(checkpoints / "global_step_4", RUN_A, 4)
    assert verify(checkpoints, RUN_A) == 4


def test_no_checkpoint_is_step_zero(tmp_path: Path) -> None:
    assert latest_step(tmp_path) == 0
    assert verify(tmp_path / "absent", RUN_A) == 0


def test_complete_checkpoint(checkpoints: Path) -> None:
    assert latest_step(checkpoints) == 4
    assert verify(checkpoints, RUN_A) == 4


def test_missing_short_and_foreign_are_refused(checkpoints: Path) -> None:
    with pytest.raises(RunDirError, match=r"(?s)another run.*seed: 1 there, 2 here.*[Dd]elete"):
        verify(checkpoints, RUN_B)
    model = checkpoints / "global_step_4" / "actor" / "model.pt"
    model.write_bytes(b"123")
    with pytest.raises(RunDirError, match=r"model\.pt has 3 bytes instead of 5.*Restore"):
        verify(checkpoints, RUN_A)
    model.unlink()
    with pytest.raises(RunDirError, match=r"model\.pt is missing"):
        verify(checkpoints, RUN_A)


def test_unfinished_and_absent_folders_are_refused(checkpoints: Path) -> None:
    (checkpoints / "global_step_4" / MANIFEST).write_text("{")
    with pytest.raises(RunDirError, match="damaged"):
        verify(checkpoints, RUN_A)
    (checkpoints / "global_step_4" / MANIFEST).unlink()
    with pytest.raises(RunDirError, match="not saved to its end"):
        verify(checkpoints, RUN_A)
    (checkpoints / TRACKER).write_text("6")
    with pytest.raises(RunDirError, match="does not exist"):
        verify(checkpoints, RUN_A)
    (checkpoints / TRACKER).write_text("")
    with pytest.raises(RunDirError, match="not a step number"):
        verify(checkpoints, RUN_A)


def add_step(checkpoints: Path, step: int, *, complete: bool = True) -> Path:
    folder = checkpoints / f"global_step_{step}"
    folder.mkdir()
    (folder / "model.pt").write_bytes(b"12345")
    if complete:
        write_manifest(folder, RUN_A, step)
    (checkpoints / TRACKER).write_text(str(step))
    return folder


def test_a_save_cut_before_its_manifest_gives_way_to_the_one_before(checkpoints: Path) -> None:
    add_step(checkpoints, 6, complete=False)
    assert resume_point(checkpoints, RUN_A, logged=6) == 4
    assert latest_step(checkpoints) == 4
    assert (checkpoints / "given_up_global_step_6" / "model.pt").exists()


def test_a_folder_that_verl_emptied_is_not_gone_back_to(checkpoints: Path) -> None:
    add_step(checkpoints, 6)
    (checkpoints / "global_step_6" / "model.pt").unlink()
    add_step(checkpoints, 8, complete=False)
    assert resume_point(checkpoints, RUN_A, logged=8) == 4


def test_a_save_whose_metrics_were_never_logged_gives_way(checkpoints: Path) -> None:
    add_step(checkpoints, 6)
    assert resume_point(checkpoints, RUN_A, logged=5) == 4
    assert resume_point(checkpoints, RUN_A, logged=5) == 4


def test_nothing_usable_means_from_the_start_and_nothing_is_deleted(checkpoints: Path) -> None:
    assert resume_point(checkpoints, RUN_A, logged=3) == 0
    assert latest_step(checkpoints) == 0
    assert (checkpoints / "given_up_global_step_4" / "actor" / "model.pt").exists()


def test_a_complete_logged_checkpoint_is_resumed_and_damage_is_still_refused(
    checkpoints: Path,
) -> None:
    assert resume_point(checkpoints, RUN_A, logged=9) == 4
    (checkpoints / "global_step_4" / "data.pt").write_bytes(b"")
    with pytest.raises(RunDirError, match=r"data\.pt has 0 bytes"):
        resume_point(checkpoints, RUN_A, logged=9)


def test_adopt_writes_the_manifest_a_trainer_without_a_hook_leaves_out(checkpoints: Path) -> None:
    add_step(checkpoints, 6, complete=False)
    adopt(checkpoints, RUN_A)
    assert resume_point(checkpoints, RUN_A, logged=6) == 6
