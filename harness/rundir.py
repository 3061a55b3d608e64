"""The directory of a run: its identity, who holds it, its status and its event log; the pipeline
writes through it, the report and the status read it."""

import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.differences import differences
from harness.errors import RunDirError
from harness.files import remove_partial, write_json
from harness.spec import RunSpec
from harness.verl.keys import VERL_VERSION

RUN_FILE = "run.json"
NOTICE = "notice.json"
"""Whoever will end the attempt soon says so here: the step under way is saved and is the last."""

NOT_IDENTITY = {
    "output_root": True,
    "launch": True,
    "tracking": True,
    "eval": True,
    "backend": True,
    "control": True,
    "hardware": {
        "cpus_per_gpu",
        "host_mem_gb_per_gpu",
        "bf16_tflops",
        "memory_gb_per_s",
        "usd_per_gpu_hour",
        "price_source",
    },
    "schedule": {
        "keep_checkpoints",
        "validate_every",
        "validate_first",
        "validation_sampling",
        "validation_samples",
    },
}
"""Fields that do not change what a training produces."""


def identity(spec: RunSpec) -> str:
    """Sixteen hex digits of the sha256 of everything that changes the trained model."""
    content = spec.model_dump(mode="json", exclude=NOT_IDENTITY)  # type: ignore[arg-type]
    content["verl_version"] = VERL_VERSION
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def record(spec: RunSpec) -> dict[str, Any]:
    """What run.json and every checkpoint's manifest say about their run."""
    content = spec.model_dump(mode="json")
    return {"identity": identity(spec), "name": run_name(spec), "spec": content}


def read_record(path: Path) -> dict[str, Any]:
    """A run.json.

    Raises:
        RunDirError: it is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        content["identity"], content["spec"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunDirError(
            f"{path} is damaged ({error}): restore it, or give this run another output_root="
        ) from error
    return content


def run_name(spec: RunSpec) -> str:
    """Readable and unique: repro, model, algorithm, hardware, seed, start of the identity."""
    recipe = "_".join(filter(None, [spec.repro or "free", spec.variant]))
    parts = [recipe, spec.model.name, spec.algorithm.name, spec.hardware.name]
    return "-".join([*parts, f"s{spec.seed}", identity(spec)[:8]])


def run_path(spec: RunSpec) -> Path:
    """Where a run lies, or will: below its output root, ~ being the user's home."""
    return Path(spec.output_root).expanduser().resolve() / run_name(spec)


class RunDir:
    """Paths and small files of one run.

    Files: run.json (the frozen RunSpec), provenance.json, status.json, events.jsonl,
    data/, train/, checkpoints/, model/, evaluation/, logs/attempt_N/, report.html.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempt = 0

    @property
    def logs(self) -> Path:
        """Logs of the current attempt."""
        return self.path / "logs" / f"attempt_{self.attempt}"

    @contextmanager
    def hold(self, mine: dict[str, Any]) -> Iterator[None]:
        """Opens the directory for one attempt, exclusively; `mine` is what record() says.

        Raises:
            RunDirError: not writable, held by a living process (named), or made by another run
                (the differing keys are named).
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a+")
        except OSError as error:
            raise RunDirError(
                f"cannot write to {self.path}: {error.strerror}. "
                "Set output_root=<a writable folder>"
            ) from error
        with lock:
            if not locked(lock):
                lock.seek(0)
                raise RunDirError(
                    f"{self.path} is held by {lock.read().strip() or 'another process'}. "
                    "Wait for it to end, or start another run (another seed=, another output_root=)"
                )
            lock.seek(0)
            lock.truncate()
            lock.write(f"process {os.getpid()} on {socket.gethostname()} since {_now()}\n")
            lock.flush()
            self._claim(mine)
            yield

    def freeze(self, mine: dict[str, Any]) -> None:
        """Writes run.json, which says what the run is, after a look at what is there.

        Raises:
            RunDirError: made by another run (the differing keys are named), or damaged.
        """
        frozen = self.path / RUN_FILE
        if frozen.exists():
            theirs = read_record(frozen)
            if theirs["identity"] != mine["identity"]:
                raise RunDirError(
                    f"{self.path} belongs to another run; it differs in:\n"
                    + "\n".join(differences(theirs["spec"], mine["spec"]))
                    + "\nGive this run another folder, or the old configuration"
                )
        write_json(frozen, mine)

    def holder(self) -> str | None:
        """The living process that holds the directory, if one does."""
        path = self.path / ".lock"
        if not path.exists():
            return None
        with path.open("a+") as lock:
            return None if locked(lock) else path.read_text().strip() or "another process"

    def _claim(self, mine: dict[str, Any]) -> None:
        self.freeze(mine)
        remove_partial(self.path)
        (self.path / NOTICE).unlink(missing_ok=True)
        self.attempt = self.next_attempt()
        self.logs.mkdir(parents=True)

    def next_attempt(self) -> int:
        """The number that the next attempt will have."""
        folders = self.path.glob("logs/attempt_*")
        return 1 + max((int(path.name.removeprefix("attempt_")) for path in folders), default=0)

    def status(self, state: str, **fields: Any) -> None:
        """Replaces status.json: state is queued, running, waiting, interrupted, done or failed."""
        content = {"state": state, "attempt": self.attempt, "pid": os.getpid()}
        content |= {"host": socket.gethostname(), "updated_at": _now()} | fields
        write_json(self.path / "status.json", content)

    def ended(self, state: str, *, cause: str, reason: str) -> None:
        """Status and event of an attempt that ended early; how far it came stays in the status."""
        before = read_status(self.path)
        kept = {key: before[key] for key in ("stage", "step", "steps") if key in before}
        self.attempt = self.attempt or before.get("attempt", 0)
        self.event("ended", state=state, cause=cause, reason=reason)
        self.status(state, **kept, cause=cause, reason=reason)

    def event(self, kind: str, **fields: Any) -> None:
        """Appends one line to events.jsonl."""
        line = json.dumps({"time": time.time(), "attempt": self.attempt, "kind": kind, **fields})
        with (self.path / "events.jsonl").open("a") as log:
            log.write(line + "\n")

    def events(self) -> list[dict[str, Any]]:
        """All events; a line cut short by a kill is dropped."""
        return read_events(self.path / "events.jsonl")


def locked(file: IO[str]) -> bool:
    """Takes the lock of an open file; False where another process has it.

    Raises:
        RunDirError: the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise RunDirError(
            f"{file.name} cannot be locked ({error.strerror}), and without a lock two processes "
            "could write one run. Mount that file system with locks (Lustre: -o flock), or set "
            "output_root= to another one"
        ) from error
    return True


def read_status(run: Path) -> dict[str, Any]:
    """status.json of a run; empty where there is none, or it cannot be read."""
    try:
        content = json.loads((run / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def read_events(path: Path) -> list[dict[str, Any]]:
    """Events of an events.jsonl; lines cut short by a kill are dropped."""
    events = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return events


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
