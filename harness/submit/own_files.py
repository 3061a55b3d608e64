"""What a run's own folder says of the run: status, submission, notice, and the tail of its events;
states.py joins it with what SLURM says."""

import json
import os
import socket
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.chain import STAGES_FOLDER
from harness.submit.records import SUBMIT

Json = Mapping[str, Any]

STATUS_FILE = "status.json"
CANCELLED_FILE = "cancelled.json"
"""Written when a run is cancelled: {"by", "host", "at", "jobs"}. SLURM forgets it in minutes."""

TAIL_BYTES = 64 * 1024
STEP_MARK = b'"kind": "step"'
REWARD = "critic/score/mean"
STEP_SECONDS = "timing_s/step"
PACE_STEPS = 8
"""Steps whose pace tells the time left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job of a run, as submit.json names it."""

    name: str
    """12, or 12_3."""
    part: str = "all"


@dataclass(frozen=True, slots=True)
class Progress:
    """What the last events say of the training."""

    step: int | None = None
    reward: float | None = None
    at: float | None = None
    """Seconds since 1970 of the last step."""
    step_s: float | None = None
    """Seconds a step takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFiles:
    """A run's folder, read once."""

    folder: Path
    status: Json = field(default_factory=dict)
    leg: Json = field(default_factory=dict)
    """status.json of the chain's training that goes on; empty for a run that trains once."""
    submit: Json = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()
    cancelled: Json = field(default_factory=dict)
    notice: Json = field(default_factory=dict)
    progress: Progress = Progress()
    alive: bool = False
    """The process that status.json names lives on this machine."""
    damage: str = ""
    """A file that cannot be read."""
    last_words: str = ""
    """The last line that the job printed, where status.json does not say why it ended."""
    log: str = ""
    """Where that line is."""

    @property
    def submitted(self) -> bool:
        """Handed to SLURM, as opposed to started on a machine."""
        return bool(self.submit)

    @property
    def updated_at(self) -> float:
        """Seconds since 1970 of the last status; 0 without one."""
        return seconds(self.status.get("updated_at"))

    @property
    def fresh(self) -> bool:
        """The status is of this submission, not of one before it."""
        # Statuses are written in whole seconds.
        return bool(self.status) and self.updated_at + 1 >= seconds(self.submit.get("submitted_at"))

    @property
    def cancelled_by_us(self) -> bool:
        """The jobs of this submission were cancelled by `action=cancel`."""
        named = self.cancelled.get("jobs")
        return bool(self.jobs) and named == [job.name for job in self.jobs]


def read(folder: Path) -> OwnFiles:
    """Reads a run's folder; a damaged file is told in `damage` and counts as empty."""
    damage: list[str] = []
    status = _object(folder / STATUS_FILE, damage)
    submit = _object(folder / SUBMIT, damage)
    place = _leg(folder, status)
    jobs: tuple[Job, ...] = ()
    try:
        jobs = tuple(_job(job) for job in submit.get("jobs", []))
    except (TypeError, KeyError, ValueError) as error:
        damage.append(f"{SUBMIT} is damaged ({type(error).__name__}: {error})")
    return OwnFiles(
        folder=folder,
        status=status,
        leg=_object(place / STATUS_FILE, damage) if place != folder else {},
        submit=submit,
        jobs=jobs,
        cancelled=_object(folder / CANCELLED_FILE, damage) if submit else {},
        notice=_object(folder / "notice.json", damage) if submit else {},
        progress=progress(tail(place / "events.jsonl")),
        alive=_alive(status),
        damage="; ".join(damage),
    )


def _object(path: Path, damage: list[str]) -> Json:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        damage.append(f"{path.name} cannot be read ({error})")
        return {}
    if isinstance(content, dict):
        return content
    damage.append(f"{path.name} is damaged (a {type(content).__name__} at its top)")
    return {}


def _job(entry: Json) -> Job:
    number, index = str(entry["job_id"]), entry.get("index")
    if not number.isdigit():
        raise ValueError(f"{number!r} is no job id")
    name = number if index is None else f"{number}_{int(index)}"
    return Job(name=name, part=str(entry.get("part", "all")))


def _leg(folder: Path, status: Json) -> Path:
    """Where the training lies that the status speaks of: the run, or a stage of its chain."""
    _, _, leg = str(status.get("stage", "")).partition(" ")
    stages = folder / STAGES_FOLDER
    if leg:
        return stages / leg
    if not stages.is_dir():
        return folder
    logs = [(path.stat().st_mtime, path.parent) for path in stages.glob("*/events.jsonl")]
    return max(logs)[1] if logs else folder


def tail(path: Path, size: int = TAIL_BYTES) -> list[bytes]:
    """The complete lines in the last bytes of a file."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    return lines[1:-1] if end > size else lines[:-1]


def progress(lines: list[bytes]) -> Progress:
    """The last step's number, reward and time, and the pace of the last few steps of its attempt.

    A line that cannot be read is passed over.
    """
    steps: list[Json] = []
    for line in reversed(lines):
        if STEP_MARK not in line:
            continue
        try:
            event = json.loads(line)
            if steps and event["attempt"] != steps[0]["attempt"]:
                break
            steps.append({key: event[key] for key in ("attempt", "step", "time", "metrics")})
        except (ValueError, KeyError, TypeError):
            continue
        if len(steps) > PACE_STEPS:
            break
    if not steps:
        return Progress()
    last = steps[0]
    reward = _number(last["metrics"], REWARD)
    between = [later["time"] - earlier["time"] for later, earlier in pairwise(steps)]
    pace = statistics.median(between) if between else _number(last["metrics"], STEP_SECONDS)
    return Progress(last["step"], reward, last["time"], pace)


def _number(metrics: Json, name: str) -> float | None:
    value = metrics.get(name)
    return float(value) if isinstance(value, int | float) else None


def seconds(text: object) -> float:
    """Seconds since 1970 of an ISO time; 0 for anything else."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def _alive(status: Json) -> bool:
    """Whether the status's process runs here; a process that took its number does not count."""
    pid = status.get("pid")
    if not isinstance(pid, int) or status.get("host") != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    started = _started_at(pid)
    return started is None or started <= seconds(status.get("updated_at")) + 1


def _started_at(pid: int) -> float | None:
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def job_words(own: OwnFiles, job: str) -> tuple[str, str]:
    """The last line that a job printed, and the file it is in: the run's log of the latest start,
    else the batch script's own."""
    runs = sorted(own.folder.glob(f"logs/slurm/{job}-*/job.log"), key=_restart)
    batch = Path(str(own.submit.get("submission"))).glob(f"logs/{job}[._]*")
    for path in [*runs[-1:], *batch]:
        if line := _last_line(path):
            return line, str(path)
    return "", ""


def _restart(log: Path) -> int:
    number = log.parent.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def _last_line(path: Path) -> str:
    try:
        text = path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
