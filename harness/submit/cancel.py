"""Ending the runs that SLURM has; the action cancel calls it."""

import getpass
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.console import Console
from harness.errors import SubmitError
from harness.files import write_json
from harness.submit import scheduler
from harness.submit.decide import decide
from harness.submit.own_files import CANCELLED_FILE, OwnFiles, read
from harness.submit.rows import Row
from harness.submit.states import run_folders
from harness.submit.table import short_names

POLL_S = 2.0
GONE_S = 90.0
"""How long to look whether the jobs have ended; SLURM kills 30 s (KillWait) after it asks."""
NAMED = 10


def cancel(where: Path, console: Console) -> int:
    """Ends the jobs of the runs that are not done, and no others; 0 if none is left.

    Each run gets a cancelled.json, since SLURM forgets its jobs in minutes. Runs that were started
    on a machine are named and left alone.

    Args:
        where: see states.run_folders.
        console: where to.

    Raises:
        SubmitError: a run's folder is not ours to write to; nothing is cancelled then.
        SchedulerError: SLURM does not answer.
    """
    owns = [read(folder) for folder in run_folders(where)]
    _name_local(owns, console)
    unknown = _name_damaged(owns, console)
    rows = _asked(owns)
    open_jobs = {own.folder: _open(own, rows) for own in owns if own.state != "done"}
    mine = [own for own in owns if open_jobs.get(own.folder)]
    if not mine:
        console.say("nothing to cancel: SLURM has no job of these runs")
        return 1 if unknown else 0
    jobs = {job for own in mine for job in open_jobs[own.folder]}
    for own in mine:
        _mark(own, confirmed=False)
    said = scheduler.cancel(jobs)
    left = _await(mine, jobs)
    for own in mine:
        if not left & set(open_jobs[own.folder]):
            _mark(own, confirmed=True)
    gone = [own for own in mine if not left & set(open_jobs[own.folder])]
    ended_well = sum(read(own.folder).state == "done" for own in gone)
    done = f" ({ended_well} of them were done before)" if ended_well else ""
    console.say(f"cancelled: {len(gone)} of {len(mine)} runs{done}; what they saved stays")
    if left:
        console.say(
            f"SLURM still has {', '.join(sorted(left)[:NAMED])}{': ' + said if said else ''}. "
            "Give the same command again, or see `scontrol show job`"
        )
    return 1 if left or unknown else 0


def _name_local(owns: Sequence[OwnFiles], console: Console) -> None:
    now = time.time()
    local = [own for own in owns if not own.submitted and not decide(own, {}, now).final]
    names = short_names([own.folder.name for own in local])
    if local:
        named = ", ".join(
            f"{name} (process {own.status.get('pid')} on {own.status.get('host')})"
            for own, name in zip(local[:NAMED], names[:NAMED], strict=True)
        )
        more = f" and {len(local) - NAMED} more" if len(local) > NAMED else ""
        console.say(f"left alone, started on a machine: {named}{more}")


def _name_damaged(owns: Sequence[OwnFiles], console: Console) -> bool:
    """Tells of runs whose jobs cannot be known; whether there are any."""
    damaged = [own for own in owns if own.damage and not own.jobs]
    for own in damaged[:NAMED]:
        console.say(
            f"left alone, its jobs are not known: {own.folder.name}: {own.damage}. "
            "`squeue --me --format='%A %j %k'` lists yours with their submissions, where <n>.runs "
            "has the runs of array <n>"
        )
    if more := len(damaged[NAMED:]):
        console.say(f"and {more} more")
    return bool(damaged)


def _asked(owns: Sequence[OwnFiles]) -> Mapping[str, Row]:
    jobs = {job.name for own in owns for job in own.jobs if own.state != "done"}
    return scheduler.ask(jobs, explained=jobs).rows


def _open(own: OwnFiles, rows: Mapping[str, Row]) -> list[str]:
    """The jobs of a run that are still to be ended; one that is COMPLETING is ending already."""
    known = [rows[job.name] for job in own.jobs if job.name in rows]
    return [row.job for row in known if not row.ended and row.state != "COMPLETING"]


def _mark(own: OwnFiles, *, confirmed: bool) -> None:
    content = {
        "by": getpass.getuser(),
        "host": socket.gethostname(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "jobs": [job.name for job in own.jobs],
        "confirmed": confirmed,
    }
    try:
        write_json(own.folder / CANCELLED_FILE, content)
    except OSError as error:
        raise SubmitError(
            f"cannot write to {own.folder}: {error.strerror}. Runs are cancelled by who may write "
            "to their folders"
        ) from error


def _await(owns: Sequence[OwnFiles], jobs: set[str]) -> set[str]:
    """Asks again until SLURM has ended the jobs; those that are left after GONE_S."""
    end = time.monotonic() + GONE_S
    while True:
        rows = _asked(owns)
        left = {job for own in owns for job in _open(own, rows)} & jobs
        if not left or time.monotonic() > end:
            return left
        time.sleep(POLL_S)
