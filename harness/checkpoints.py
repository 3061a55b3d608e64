"""Checkpoint folders of a run: the manifest in each, and whether one can be resumed.

Written by harness/verl/checkpoint.py (reinforcement learning) and by the pipeline (supervised
fine-tuning, where verl has no hook); verified by the pipeline before it resumes. No verl, no torch.
"""

import json
import os
from pathlib import Path

from harness.errors import RunDirError

MANIFEST = "reprise.json"
TRACKER = "latest_checkpointed_iteration.txt"


def step_folder(checkpoints: Path, step: int) -> Path:
    """Where verl saves a step."""
    return checkpoints / f"global_step_{step}"


def write_manifest(folder: Path, run_id: str, step: int) -> None:
    """List the files of a finished checkpoint with their sizes."""
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(MANIFEST)
    }
    partial = folder / f"{MANIFEST}.tmp"
    with partial.open("w") as file:
        json.dump({"run": run_id, "step": step, "files": files}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / MANIFEST)


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


def verify(checkpoints: Path, run_id: str) -> int:
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
    if owner != run_id:
        raise RunDirError(
            f"The checkpoint {folder} belongs to run {owner}, not to run {run_id}. {advice}"
        )
    damage = [problem for name, size in files.items() if (problem := _damage(folder / name, size))]
    if damage:
        raise RunDirError(f"The checkpoint {folder} is damaged: {'; '.join(damage)}. {advice}")
    return step


def _damage(path: Path, size: int) -> str | None:
    if not path.is_file():
        return f"{path.name} is missing ({path})"
    if path.stat().st_size != size:
        return f"{path.name} has {path.stat().st_size} bytes instead of {size} ({path})"
    return None
