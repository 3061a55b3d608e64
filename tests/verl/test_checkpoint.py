"""Checkpoint manifests: what is verified before a run resumes."""

import json
from pathlib import Path

import pytest

from harness.checkpoints import MANIFEST, TRACKER, latest_step, verify, write_manifest
from harness.errors import RunDirError


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    folder = tmp_path / "global_step_4"
    (folder / "actor").mkdir(parents=True)
    (folder / "actor" / "model.pt").write_bytes(b"12345")
    (folder / "data.pt").write_bytes(b"1")
    write_manifest(folder, "run-a", 4)
    (tmp_path / TRACKER).write_text("4")
    return tmp_path


def test_manifest_lists_every_file(checkpoints: Path) -> None:
    manifest = json.loads((checkpoints / "global_step_4" / MANIFEST).read_text())
    assert manifest == {
        "run": "run-a",
        "step": 4,
        "files": {"actor/model.pt": 5, "data.pt": 1},
    }
    assert not list(checkpoints.rglob("*.tmp"))


def test_a_rewritten_manifest_does_not_list_itself(checkpoints: Path) -> None:
    write_manifest(checkpoints / "global_step_4", "run-a", 4)
    assert verify(checkpoints, "run-a") == 4


def test_no_checkpoint_is_step_zero(tmp_path: Path) -> None:
    assert latest_step(tmp_path) == 0
    assert verify(tmp_path / "absent", "run-a") == 0


def test_complete_checkpoint(checkpoints: Path) -> None:
    assert latest_step(checkpoints) == 4
    assert verify(checkpoints, "run-a") == 4


def test_missing_short_and_foreign_are_refused(checkpoints: Path) -> None:
    with pytest.raises(RunDirError, match=r"belongs to run run-a, not to run run-b.*[Dd]elete"):
        verify(checkpoints, "run-b")
    model = checkpoints / "global_step_4" / "actor" / "model.pt"
    model.write_bytes(b"123")
    with pytest.raises(RunDirError, match=r"model\.pt has 3 bytes instead of 5.*Restore"):
        verify(checkpoints, "run-a")
    model.unlink()
    with pytest.raises(RunDirError, match=r"model\.pt is missing"):
        verify(checkpoints, "run-a")


def test_unfinished_and_absent_folders_are_refused(checkpoints: Path) -> None:
    (checkpoints / "global_step_4" / MANIFEST).write_text("{")
    with pytest.raises(RunDirError, match="damaged"):
        verify(checkpoints, "run-a")
    (checkpoints / "global_step_4" / MANIFEST).unlink()
    with pytest.raises(RunDirError, match="not saved to its end"):
        verify(checkpoints, "run-a")
    (checkpoints / TRACKER).write_text("6")
    with pytest.raises(RunDirError, match="does not exist"):
        verify(checkpoints, "run-a")
    (checkpoints / TRACKER).write_text("")
    with pytest.raises(RunDirError, match="not a step number"):
        verify(checkpoints, "run-a")
