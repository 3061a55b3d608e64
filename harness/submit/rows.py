"""What SLURM's tools print of a job -> Row; pure, scheduler.py asks the tools."""

import pwd
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "RestartCnt", "exit_code", "StartTime", "NodeList")
"""Of squeue -O; the reason follows as the last, since its text is free."""
ENDED = frozenset({
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL",
    "OUT_OF_MEMORY", "DEADLINE", "REVOKED",
})  # fmt: skip
"""States of jobs that do not come back (squeue --helpstate, SLURM 22.05)."""


class Exit(TypedDict):
    """What ended a batch script."""

    exit_code: int
    signal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What SLURM says of one job, or one task of an array."""

    job: str
    """12, or 12_3 for task 3 of an array."""
    state: str
    """In SLURM's long form, such as PENDING."""
    reason: str = ""
    node: str = ""
    """Nodes as SLURM lists them: node[1-2]."""
    exit_code: int = 0
    signal: int = 0
    """What ended the batch script; 0 for none."""
    restarts: int = 0
    started_at: float | None = None
    """Seconds since 1970 of the latest start."""
    cancelled_by: str = ""
    """A user's name; known to accounting alone."""

    @property
    def ended(self) -> bool:
        """It does not come back by itself."""
        return self.state in ENDED


def squeue_row(line: str) -> Row:
    """One line of `squeue -O` with FIELDS and the reason, `|` after each; ValueError otherwise."""
    array, task, state, restarts, code, start, node, reason = line.split("|", 7)
    return Row(
        job=_job(array, task),
        state=_state(state),
        reason=_word(reason.removesuffix("|")),
        node=_word(node),
        restarts=int(restarts),
        started_at=_seconds(start),
        **_ended_with(code),
    )


def scontrol_row(line: str) -> Row:
    """One line of `scontrol -o show job`; ValueError for another."""
    found: dict[str, str] = dict(re.findall(r"(\w+)=(.*?)(?= [A-Z][\w/:]*=|\s*$)", line))
    try:
        return Row(
            job=_job(found.get("ArrayJobId", found["JobId"]), found.get("ArrayTaskId", "N/A")),
            state=_state(found["JobState"]),
            reason=_word(found.get("Reason", "")),
            node=_word(found.get("NodeList", "")),
            restarts=int(found.get("Restarts", 0)),
            started_at=_seconds(found.get("StartTime", "")),
            **_ended_with(found["ExitCode"]),
        )
    except KeyError as error:
        raise ValueError(f"no {error.args[0]}") from error


def sacct_row(line: str) -> Row:
    """One line of `sacct -P` with JobID, State, ExitCode, Start, NodeList; ValueError otherwise."""
    job, state, code, start, node = line.split("|")
    array, _, task = job.partition("_")
    word, _, by = state.partition(" by ")
    return Row(
        job=_job(array, task or "N/A"),
        state=_state(word),
        node="" if node == "None assigned" else _word(node),
        started_at=_seconds(start),
        cancelled_by=_user(by),
        **_ended_with(code),
    )


def _job(array: str, task: str) -> str:
    if not array.isdigit():
        raise ValueError(f"{array[:40]!r} is no job id")
    return array if task in ("", "N/A") else f"{array}_{task}"


def _state(word: str) -> str:
    if not re.fullmatch(r"[A-Z_]+\+?", word):
        raise ValueError(f"{word[:40]!r} is no job state")
    return word.removesuffix("+")


def _ended_with(code: str) -> Exit:
    """`7:0`, or a wait status (squeue of 22.05: 1792 is exit code 7)."""
    if ":" in code:
        ended, _, signal = code.partition(":")
        return Exit(exit_code=int(ended), signal=int(signal))
    status = int(code)
    number = status & 0x7F
    return Exit(exit_code=0 if number else status >> 8, signal=number)


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # N/A, Unknown, None
        return None


def _word(text: str) -> str:
    return "" if text in ("None", "(null)", "N/A") else text.strip()


def _user(uid: str) -> str:
    try:
        return pwd.getpwuid(int(uid)).pw_name
    except (KeyError, ValueError):
        return uid
