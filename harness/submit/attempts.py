"""When a run that SLURM starts again is to give up: bounded attempts, and none without progress;
job.py asks before every attempt."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.chain import STAGES_FOLDER
from harness.checkpoints import latest_step
from harness.errors import RunDirError

STARTS = Path("logs") / "slurm" / "starts.jsonl"
FRUITLESS = 2
"""Attempts in a row that may end where they began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of a run by SLURM, with what was done by then."""

    job: str
    """Array job and index, 123_4; a requeued job keeps it."""
    restart: int
    time: float
    progress: str
    """What is on disk: steps saved in each training, models exported, responses drawn."""


def progress(run: Path) -> str:
    """What of a run is done and survives, as text that grows different with every step forward."""
    trainings = [run, *sorted(run.glob(f"{STAGES_FOLDER}/*"))]
    saved = [
        f"{folder.name if folder != run else 'train'} {_saved(folder)}" for folder in trainings
    ]
    exported = sum((folder / "model" / "config.json").exists() for folder in trainings)
    drawn = sum(path.stat().st_size for path in run.glob("evaluation/**/samples-*.jsonl"))
    return f"steps saved: {', '.join(saved)}; models exported: {exported}; responses: {drawn} bytes"


def _saved(folder: Path) -> int:
    try:
        return latest_step(folder / "checkpoints")
    except RunDirError:
        return -1  # damaged: the attempt itself will say so


def starts(run: Path, job: str) -> list[Start]:
    """Starts of a run by one job, oldest first; a line cut short by a kill is dropped."""
    path, found = run / STARTS, []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(Start(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return [start for start in found if start.job == job]


def record_start(run: Path, start: Start) -> None:
    """Appends a start."""
    path = run / STARTS
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = path.exists() and not path.read_text().endswith("\n")
    with path.open("a") as file:
        file.write(("\n" if cut else "") + json.dumps(asdict(start)) + "\n")


def start_now(run: Path, job: str, restart: int) -> Start:
    """A start at this moment."""
    return Start(job=job, restart=restart, time=time.time(), progress=progress(run))


def refusal(before: Sequence[Start], now: Start, max_attempts: int) -> tuple[str, str] | None:
    """Why a run must not be tried again: the cause and a sentence; None when it may.

    Args:
        before: earlier starts by the same job.
        now: this one.
        max_attempts: launch.max_attempts.
    """
    again = "the same command with again=true starts anew from what is saved"
    if len(before) >= max_attempts:
        return "too_many_attempts", (
            f"SLURM started this run {len(before)} times and launch.max_attempts={max_attempts}: "
            f"{again}"
        )
    last = [start.progress for start in before[-FRUITLESS:]]
    if len(last) == FRUITLESS and set(last) == {now.progress}:
        return "no_progress", (
            f"{FRUITLESS} attempts in a row ended where they began ({now.progress}): save more "
            f"often (schedule.save_every) or ask for more time (launch.time_min); {again}"
        )
    return None
