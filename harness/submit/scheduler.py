"""Questions to SLURM in few calls: squeue, then scontrol for what squeue left out, then sacct; and
scancel. Read by states.py and watch.py; nothing here knows what a run is."""

import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import SubmitError
from harness.submit.rows import FIELDS, Row, sacct_row, scontrol_row, squeue_row
from harness.submit.sbatch import clean

TIMEOUT_S = 60.0
MOST_CHARACTERS = 100_000
"""Of one argument; Linux takes 128 KiB."""
SQUEUE = ("squeue", "--all", "--states=all", "-h", "-r")
UNKNOWN_JOB = "Invalid job id specified"


class SchedulerError(SubmitError):
    """SLURM did not answer, or not in a way that can be understood."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What SLURM knows of the jobs that were asked about."""

    rows: dict[str, Row] = field(default_factory=dict)
    note: str = ""
    """What could not be known, and why."""


def ask(jobs: Collection[str], *, explained: Collection[str] = ()) -> Answer:
    """Everything SLURM knows of these jobs.

    Args:
        jobs: 12 or 12_3.
        explained: jobs about which accounting need not be asked when they were cancelled.

    Raises:
        SchedulerError: squeue or scontrol is missing, hangs, refuses, or answers what cannot be
            read; the line is quoted.
    """
    if not jobs:
        return Answer()
    rows = _select(_squeue(jobs), jobs)
    if missing := set(jobs) - set(rows):
        rows |= _select(_scontrol(missing), missing)
    unclear = {job for job in jobs if job not in rows}
    unclear |= {row.job for row in rows.values() if row.state == "CANCELLED"} - set(explained)
    if not unclear:
        return Answer(rows)
    told, note = _sacct(unclear)
    for row in told:
        if row.job not in unclear:
            continue
        known = rows.get(row.job)
        rows[row.job] = replace(known, cancelled_by=row.cancelled_by) if known else row
    return Answer(rows, note)


def cancel(jobs: Collection[str]) -> str:
    """Asks SLURM to end these jobs, in one call; what scancel complained of (empty when nothing).

    Raises:
        SchedulerError: scancel is missing or hangs.
    """
    complaints = ""
    for words in _portions(_compact(jobs), " "):
        complaints += _call(["scancel", *words.split()]).stderr
    return complaints.strip()


def _select(rows: Iterable[Row], jobs: Collection[str]) -> dict[str, Row]:
    return {row.job: row for row in rows if row.job in jobs}


def _squeue(jobs: Collection[str]) -> Iterator[Row]:
    form = ",".join(f"{name}:|" for name in (*FIELDS, "Reason"))
    for ids in _portions(_arrays(jobs), ","):
        answer = _call([*SQUEUE, f"--jobs={ids}", "-O", form])
        if answer.returncode and UNKNOWN_JOB not in answer.stderr:
            raise _refusal("squeue", answer.stderr)
        yield from _parse("squeue", answer.stdout, squeue_row)


def _scontrol(jobs: Collection[str]) -> Iterator[Row]:
    for array in _arrays(jobs):
        answer = _call(["scontrol", "-o", "show", "job", array])
        if answer.returncode and UNKNOWN_JOB not in answer.stderr:
            raise _refusal("scontrol", answer.stderr)
        yield from _parse("scontrol", answer.stdout, scontrol_row)


def _sacct(jobs: Collection[str]) -> tuple[list[Row], str]:
    """Rows, and why there are none: accounting is often missing, which is no error."""
    rows: list[Row] = []
    for ids in _portions(_arrays(jobs), ","):
        fields = "--format=JobID,State,ExitCode,Start,NodeList"
        try:
            answer = _call(["sacct", "-X", "-n", "-P", f"--jobs={ids}", fields])
        except SchedulerError as error:
            return rows, f"no accounting ({str(error).partition(':')[0]})"
        if answer.returncode:
            said = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
            return rows, f"no accounting (sacct: {said[-1].removeprefix('sacct: error: ')})"
        rows += _parse("sacct", answer.stdout, sacct_row)
    return rows, ""


def _parse(tool: str, text: str, read: Callable[[str], Row]) -> Iterator[Row]:
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            yield read(line)
        except ValueError as error:
            raise SchedulerError(
                f"{tool} answered {line.strip()[:200]!r}, which cannot be read ({error}): give "
                f"the same command again, and see what {tool} prints by itself"
            ) from error


def _arrays(jobs: Collection[str]) -> list[str]:
    return sorted({job.partition("_")[0] for job in jobs}, key=int)


def _compact(jobs: Collection[str]) -> list[str]:
    """Tasks of one array as 12_[0-3,7]: scancel asks once for each word."""
    words = []
    for array in _arrays(jobs):
        tasks = sorted(int(job.partition("_")[2]) for job in jobs if job.startswith(f"{array}_"))
        if array in jobs:
            words.append(array)
        elif tasks:
            words += [f"{array}_[{portion}]" for portion in _portions(_ranges(tasks), ",")]
    return words


def _ranges(numbers: Sequence[int]) -> list[str]:
    """0, 1, 2, 5 -> 0-2, 5."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(low) if low == high else f"{low}-{high}" for low, high in found]


def _portions(words: Iterable[str], separator: str) -> Iterator[str]:
    """The words in as few strings as a command line can take."""
    line = ""
    for word in words:
        if line and len(line) + len(word) > MOST_CHARACTERS:
            yield line
            line = ""
        line += f"{separator}{word}" if line else word
    if line:
        yield line


def _call(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a client tool with SLURM's own defaults: a user's SQUEUE_FORMAT must not change them."""
    habits = ("SQUEUE_", "SACCT_", "SCANCEL_")
    environment = {k: v for k, v in clean(os.environ).items() if not k.startswith(habits)}
    started = time.monotonic()
    try:
        return subprocess.run(
            words,
            env=environment,
            capture_output=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise SchedulerError(
            f"{words[0]} is not on this machine: give the command where SLURM's client tools are, "
            "such as a login node"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        waited = time.monotonic() - started
        raise SchedulerError(
            f"{words[0]} did not answer ({type(error).__name__} after {waited:.0f} s): SLURM's "
            "controller may be down or busy; give the same command again"
        ) from error


def _refusal(tool: str, said: str) -> SchedulerError:
    return SchedulerError(
        f"{tool} failed: {' '.join(said.split())[:300] or 'it said nothing'}. Is SLURM up "
        "(`sinfo`)? Then give the same command again"
    )
