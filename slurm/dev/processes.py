"""Daemons by name: started, looked up and ended by process id, never by what they are called."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config import ClusterError

POLL_S = 0.02
KILL_DEADLINE_S = 20.0
MARKER = "REPRISE_SLURM_DEV"
FOREIGN = ("SLURM_", "SBATCH_", "SRUN_", "SALLOC_", "SACCT_", "SQUEUE_", "SINFO_", MARKER)


@dataclass(frozen=True)
class Process:
    """One process as /proc shows it; `started` is in clock ticks since the machine came up."""

    pid: int
    parent: int
    state: str
    started: int


def environment(folder: Path) -> dict[str, str]:
    """The caller's environment, without what belongs to another cluster or to a job."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    path = f"{kept.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    return kept | {"PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}


def read(pid: int) -> Process | None:
    """The process with that id, or None; a dead one that nobody waited for counts as gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    process = Process(pid, int(fields[1]), fields[0], int(fields[19]))
    return None if process.state in "ZX" else process


def everything() -> dict[int, Process]:
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return {pid: process for pid in pids if (process := read(pid)) is not None}


def variables(pid: int) -> set[str]:
    """The `NAME=value` words that the process started with; none where it is not ours to read."""
    try:
        return set(os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes()).split("\0"))
    except OSError:
        return set()


def launch(
    folder: Path,
    name: str,
    command: Sequence[str],
    *,
    pass_fds: Sequence[int] = (),
) -> None:
    """Start a daemon in a session of its own and note its id and start time in run/NAME.pid."""
    with (folder / f"log/{name}.out").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(folder) | {MARKER: f"{folder}:{name}"},
            cwd=folder,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    child.returncode = 0  # it outlives this program: Popen has nothing to warn about
    process = read(child.pid)
    started = process.started if process else 0
    (folder / f"run/{name}.pid").write_text(f"{child.pid} {started}\n", encoding="utf-8")


def find(folder: Path, name: str) -> int | None:
    """The id of a daemon that lives; None where its id now belongs to somebody else."""
    try:
        pid, started = map(int, (folder / f"run/{name}.pid").read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return None
    process = read(pid)
    return pid if process is not None and process.started == started else None


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "run").glob("[!.]*.pid"))


def end(folder: Path, name: str) -> None:
    """Kill a daemon and wait until it is gone: all it holds is thrown away with the cluster."""
    pid = find(folder, name)
    if pid is not None:
        kill(pid)
        wait_for(lambda: find(folder, name) is None, KILL_DEADLINE_S, f"the end of {name}")
    (folder / f"run/{name}.pid").unlink(missing_ok=True)


def end_all(chosen: Callable[[], set[int]]) -> None:
    """Kill what `chosen` finds until it finds nothing: killed processes may have just forked."""

    def gone() -> bool:
        left = chosen()
        for pid in left:
            kill(pid)
        return not left

    wait_for(gone, KILL_DEADLINE_S, "the end of a node's processes")


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        reap(pid)
    else:
        reap(pid)


def reap(pid: int) -> None:
    """Collect a child of this very program, so that `run` leaves no dead entries behind."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return


def marked(folder: Path) -> set[int]:
    """All that was started for the cluster in that folder, this program aside."""
    mark = f"{MARKER}={folder}:"
    found = {pid for pid in everything() if any(w.startswith(mark) for w in variables(pid))}
    return found - {os.getpid()}


def descendants(roots: set[int], known: Mapping[int, Process]) -> set[int]:
    """`roots` and all that they started, directly or not."""
    found = set(roots)
    grew = True
    while grew:
        children = {p.pid for p in known.values() if p.parent in found} - found
        found |= children
        grew = bool(children)
    return found


def wait_for(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `done()`; ClusterError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(POLL_S)
