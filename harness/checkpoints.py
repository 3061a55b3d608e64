"""Checkpoint folders of a run: the manifest in each, and whether one can be resumed.

Written by harness/verl/checkpoint.py (reinforcement learning) and by the pipeline (supervised
fine-tuning, where verl has no hook); verified by the pipeline before it resumes. No verl, no torch.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.differences import differences
from harness.errors import RunDirError
from harness.files import write_json, write_text

Run = Mapping[str, Any]
"""harness.rundir.record of a run: at least its identity and spec."""

MANIFEST = "reprise.json"
TRACKER = "latest_checkpointed_iteration.txt"


def step_folder(checkpoints: Path, step: int) -> Path:
    """Where verl saves a step."""
    return checkpoints / f"global_step_{step}"


def write_manifest(folder: Path, run: Run, step: int) -> None:
    """List the files of a finished checkpoint with their sizes."""
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    write_json(folder / MANIFEST, {"run": dict(run), "step": step, "files": files})


def latest_step(checkpoints: Path) -> int:
    """The step verl would resume from; 0 without a checkpoint."""
    tracker = checkpoints / TRACKER
    if not tracker.is_file():
        return 0
    text = tracker.read_text().strip()
    if not text.isdigit():
        raise RunDirError(
            f"{tracker} holds {text!r}, not a step number. "
            f"Write the step of a complete global_step_<N> folder into it, or delete {checkpoints}."
        )
    return int(text)


def resume_point(checkpoints: Path, run: Run, logged: int) -> int:
    """The step to continue from: the last complete checkpoint whose metrics are all recorded.

    A kill between the saving of a checkpoint and its manifest, or before that step's metrics were
    logged, makes the newest checkpoint one that cannot be believed; it is put aside (renamed,
    not deleted) for the one before, and its steps are done again.

    Args:
        checkpoints: verl's checkpoint folder.
        run: record of the run.
        logged: last step up to which every step's metrics are recorded.

    Raises:
        RunDirError: as `verify`.
    """
    latest = latest_step(checkpoints)
    folder = step_folder(checkpoints, latest)
    unfinished = folder.is_dir() and not (folder / MANIFEST).exists()
    if latest and (unfinished or latest > logged):
        usable = [step for step in _complete_steps(checkpoints) if step <= logged]
        _rewind(checkpoints, max(usable, default=0))
    return verify(checkpoints, run)


def adopt(checkpoints: Path, run: Run) -> None:
    """Writes the missing manifest of the latest checkpoint, for a trainer that has no hook.

    The tracker file is written when a save is over, so the folder it names is complete.
    """
    latest = latest_step(checkpoints)
    folder = step_folder(checkpoints, latest)
    if latest and folder.is_dir() and not (folder / MANIFEST).exists():
        write_manifest(folder, run, latest)


def _complete_steps(checkpoints: Path) -> list[int]:
    """Steps whose files are all there; verl empties old folders without removing them."""
    manifests = {path.parent: path for path in checkpoints.glob(f"global_step_*/{MANIFEST}")}
    return [
        int(folder.name.removeprefix("global_step_"))
        for folder, manifest in manifests.items()
        if not _damages(folder, json.loads(manifest.read_text())["files"])
    ]


def _rewind(checkpoints: Path, step: int) -> None:
    for folder in checkpoints.glob("global_step_*"):
        if int(folder.name.removeprefix("global_step_")) > step:
            aside = checkpoints / f"given_up_{folder.name}"
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
    if step:
        write_text(checkpoints / TRACKER, str(step))
    else:
        (checkpoints / TRACKER).unlink()


def verify(checkpoints: Path, run: Run) -> int:
    """The latest step, once its checkpoint is known to be complete and to belong to this run."""
    step = latest_step(checkpoints)
    if step == 0:
        return 0
    folder = step_folder(checkpoints, step)
    advice = (
        f"Restore {folder}, or delete it and write the step of an older complete checkpoint into "
        f"{checkpoints / TRACKER}; to train from the start, delete {checkpoints}."
    )
    if not folder.is_dir():
        raise RunDirError(f"The checkpoint {folder} named by {TRACKER} does not exist. {advice}")
    manifest = folder / MANIFEST
    try:
        recorded = json.loads(manifest.read_text())
        owner, files = recorded["run"], recorded["files"]
    except FileNotFoundError:
        raise RunDirError(
            f"The checkpoint {folder} has no {MANIFEST}: it was not saved to its end. {advice}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise RunDirError(f"{manifest} is damaged ({error}). {advice}") from error
    if owner["identity"] != run["identity"]:
        raise RunDirError(
            f"The checkpoint {folder} belongs to another run; it differs in:\n"
            + "\n".join(differences(owner["spec"], run["spec"]))
            + f"\n{advice}"
        )
    if damage := _damages(folder, files):
        raise RunDirError(f"The checkpoint {folder} is damaged: {'; '.join(damage)}. {advice}")
    return step


def _damages(folder: Path, files: Mapping[str, int]) -> list[str]:
    return [problem for name, size in files.items() if (problem := _damage(folder / name, size))]


def _damage(path: Path, size: int) -> str | None:
    if not path.is_file():
        return f"{path.name} is missing ({path})"
    if path.stat().st_size != size:
        return f"{path.name} has {path.stat().st_size} bytes instead of {size} ({path})"
    return None
