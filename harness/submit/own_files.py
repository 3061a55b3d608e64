"""What a run's own folder says of the run: status, submission, notice, and the tail of its events;
states.py joins it with what SLURM says."""

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.chain import STAGES_FOLDER
from harness.submit.progress import PACE_STEPS, TAIL_BYTES, Progress, progress, tail
from harness.submit.records import SUBMIT

Json = Mapping[str, Any]

STATUS_FILE = "status.json"
CANCELLED_FILE = "cancelled.json"
"""Written when a run is cancelled: {"by", "host", "at", "jobs"}. SLURM forgets it in minutes."""

BRING_UP = 90
NODE_LOST = 91
"""Exit codes of slurm/ray_cluster, after which slurm/job.sh asks for another attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job of a run, as submit.json names it."""

    name: str
    """12, or 12_3."""
    part: str = "all"


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
    progress: Progress = field(default_factory=Progress)
    exit_code: int | None = None
    """Of the driver in the last start of its job; read for a failed run only."""
    alive: bool = False
    """The process that status.json names lives on this machine."""
    elsewhere: bool = False
    """The status was written on another machine."""
    damage: str = ""
    """A file that cannot be read."""
    last_words: str = ""
    """The last line that the job printed, where status.json does not say why it ended."""
    log: str = ""
    """Where that line is."""

    @property
    def submitted(self) -> bool:
        """Handed to SLURM, as opposed to started on a machine or on its way to SLURM."""
        # A submission says "queued" before it asks SLURM, and renews submit.json after that.
        on_its_way = self.status.get("state") == "queued" and self.updated_at > self._submitted_at
        return bool(self.submit) and not on_its_way

    @property
    def updated_at(self) -> float:
        """Seconds since 1970 of the last status; 0 without one."""
        return seconds(self.status.get("updated_at"))

    @property
    def _submitted_at(self) -> float:
        return seconds(self.submit.get("submitted_at"))

    @property
    def fresh(self) -> bool:
        """The status is of this submission, not of one before it."""
        # Statuses are written in whole seconds.
        return bool(self.status) and self.updated_at + 1 >= self._submitted_at

    @property
    def cancelled_by_us(self) -> bool:
        """The jobs of this submission were cancelled by `action=cancel`."""
        named = self.cancelled.get("jobs")
        return bool(self.jobs) and named == [job.name for job in self.jobs]

    @property
    def state(self) -> str:
        """The status's word, if it is of this submission; else empty."""
        return str(self.status.get("state", "")) if self.fresh else ""

    @property
    def cause(self) -> str:
        """The status's cause, if it is of this submission; else empty."""
        return str(self.status.get("cause") or "") if self.fresh else ""

    @property
    def resumable(self) -> bool:
        """It failed in a way after which slurm/job.sh asks SLURM for another attempt."""
        return self.cause == "terminated" or self.exit_code in (BRING_UP, NODE_LOST)


def read(folder: Path) -> OwnFiles:
    """Reads a run's folder; a damaged file is told in `damage` and counts as empty."""
    damage: list[str] = []
    status = _object(folder / STATUS_FILE, damage)
    submit = _object(folder / SUBMIT, damage)
    place, goes_on = _leg(folder, status), status.get("state") == "running"
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
        progress=progress(tail(place / "events.jsonl"), PACE_STEPS if goes_on else 0),
        exit_code=_exit_code(folder, jobs) if status.get("state") == "failed" else None,
        alive=_alive(status),
        elsewhere=status.get("host") not in (None, socket.gethostname()),
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


def _exit_code(folder: Path, jobs: tuple[Job, ...]) -> int | None:
    """What slurm/job.sh takes for the exit code of the last start of the last job that started."""
    place = folder / "logs/slurm"
    try:
        names = os.listdir(place)
    except OSError:
        return None
    for job in reversed(jobs):
        starts = [place / name / "exit_code" for name in names if name.startswith(f"{job.name}-")]
        if starts:
            return _number(max(starts, key=_restart))
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(errors="replace"))
    except (OSError, ValueError):
        return None


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
