"""Why a run stands where it stands, in one line of words; pure, states.py chooses which to ask."""

import re
import signal
from pathlib import Path
from typing import Any

from harness.submit.own_files import BRING_UP, NODE_LOST, OwnFiles
from harness.submit.rows import Row

CAUSES = {
    "signal": "killed",
    "out_of_memory": "out of memory",
    "time_limit": "time limit",
    "preemption": "preempted",
    "node_lost": "node lost",
    "terminated": "told to stop",
    "no_progress": "no progress",
    "too_many_attempts": "too many attempts",
    "environment_changed": "environment changed",
    "not_submitted": "",  # is a state already
}
"""status.json's cause -> words; an exception ("error") speaks for itself."""

OUT_OF_MEMORY = re.compile(
    r"OutOfMemoryError|CUDA out of memory|running low on memory|oom[-_ ]?kill|MemoryError"
    r"|can't allocate memory|Cannot allocate memory",
    re.IGNORECASE,
)
"""torch's, Ray's, Linux' and Python's words."""
BY_SIGNAL = re.compile(r"ended with signal (\d+)")

TRACEBACK = "Traceback (most recent call last):"
WHOLE_LOG = "Whole log: "

CANNOT_WRITE = 74
"""Exit code of slurm/job.sh on a node that does not see the run's folder."""
NO_OUTPUT_FILE = 53
"""The "signal" of a job whose output file could not be opened (SLURM 22.05: exit code 0:53)."""

ENDINGS = {
    "TIMEOUT": "time limit, and not requeued",
    "PREEMPTED": "preempted, and not requeued",
    "NODE_FAIL": "node lost, and not requeued",
    "BOOT_FAIL": "node lost: it did not boot",
    "OUT_OF_MEMORY": "out of memory: SLURM's limit of the job's host memory",
    "DEADLINE": "time limit: the job's deadline passed",
    "REVOKED": "revoked: another cluster of the federation took the job",
}

PENDING = {
    "": "waiting to be looked at",
    "Resources": "waiting for free nodes",
    "Priority": "waiting: jobs of higher priority come first",
    "Dependency": "waiting for the job before it",
    "DependencyNeverSatisfied": "the job it waits for did not end well, so it never starts",
    "JobArrayTaskLimit": "waiting: launch.array_parallelism runs of its array run already",
    "BeginTime": "waiting for its begin time (a requeued job pauses for a minute or two)",
    "JobHeldUser": "held: `scontrol release <job>` lets it go on",
    "JobHeldAdmin": "held by an administrator",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is inactive",
    "PartitionNodeLimit": "asks for more nodes than the partition allows",
    "PartitionTimeLimit": "asks for more time than the partition allows: lower launch.time_min",
    "BadConstraints": "no node has what it asks for: see launch.constraint and hardware=",
    "Licenses": "waiting for licences",
    "Reservation": "waiting for its reservation",
    "InvalidAccount": "the account is not valid: see launch.account",
    "InvalidQOS": "the QOS is not valid: see launch.qos",
    "AccountNotAllowed": "the account may not use this partition",
    "QOSNotAllowed": "the QOS may not use this partition",
    "job requeued in held state": "held: `scontrol release <job>` lets it go on",
    "launch failed requeued held": "held after a failed launch: `scontrol release <job>`",
}
PENDING_PATTERNS = (
    (r"ReqNodeNotAvail|Nodes required for job are DOWN", "the nodes it needs are down or reserved"),
    (r"Max(?:GRES|TRES|Gres).*PerUser|Max\w+PerUser", "waiting: your share of the QOS is in use"),
    (r"QOSGrp|AssocGrp", "waiting: the limit of your group is reached"),
    (r"QOS|Assoc", "waiting: a limit of the QOS or account is reached"),
)


def pending(row: Row) -> str:
    """Why a job waits, with SLURM's own word in brackets."""
    words = PENDING.get(row.reason)
    for pattern, said in PENDING_PATTERNS:
        if words is None and re.search(pattern, row.reason):
            words = said
    if words is None:
        return f"waiting ({row.reason})"
    words = words.format(job=row.job)
    return f"{words} ({row.reason})" if row.reason else words


def interrupted(own: OwnFiles) -> str:
    """Why an attempt ended that is to be followed by another."""
    if own.exit_code == NODE_LOST:
        return "node lost: it left the Ray cluster"
    if own.exit_code == BRING_UP:
        return "not every node joined the Ray cluster"
    cause = own.cause or str(own.notice.get("cause") or "")
    if cause:
        return CAUSES.get(cause, cause)
    host = own.status.get("host") if own.state == "running" else None
    return f"node lost, or the job killed without notice{f' (on {host})' if host else ''}"


def own_failure(own: OwnFiles) -> str:
    """Why a run failed that said so itself: cause, last line of the traceback, and its log."""
    status = own.status
    reason = str(status.get("reason") or "")
    cause = str(status.get("cause") or "")
    if cause in ("", "error", "signal") and OUT_OF_MEMORY.search(reason):
        cause = "out_of_memory"
    line, log = digest(reason)
    if killed := BY_SIGNAL.search(reason):
        cause = cause if cause not in ("", "error") else "signal"
        line = f"by {signal_name(int(killed.group(1)))}" if cause == "signal" else line
    return _with_cause(cause, line) + _see(log, own.folder)


def _with_cause(cause: str, line: str) -> str:
    """The two joined, and nothing said twice."""
    words = CAUSES.get(cause, "" if cause == "error" else cause.replace("_", " "))
    if not words or line.lower().startswith(words):
        return line or words
    joint = " " if line.startswith("by ") else ": "
    return f"{words}{joint}{line}" if line else words


def digest(reason: str) -> tuple[str, str]:
    """The line of a status's reason that matters, and the log that it names (or nothing)."""
    text, _, log = reason.partition(WHOLE_LOG)
    before, trace, after = text.partition(TRACEBACK)
    log = log.splitlines()[0].strip() if log else ""
    if not trace:
        return _line(before), log
    # The exception's message may have several lines; those of the stack are indented.
    raised = [line for line in after.splitlines() if line.strip() and not line.startswith(" ")]
    return (raised[0].strip() if raised else _line(before)), log


def job_failure(row: Row, own: OwnFiles) -> str:
    """Why a job ended badly whose run could not say so itself."""
    if row.state in ENDINGS:
        return ENDINGS[row.state] + (f" ({row.node})" if row.node else "")
    if row.state == "COMPLETED":
        return "the job ended with exit code 0, and the run is not done" + _said(own)
    if row.signal == NO_OUTPUT_FILE or row.exit_code == CANNOT_WRITE:
        return (
            f"the job failed before it wrote anything: {row.node or 'its node'} probably does not "
            f"see {own.submit.get('submission') or own.folder}; set output_root= to a folder that "
            "all nodes share"
        )
    said = _said(own)
    if OUT_OF_MEMORY.search(own.last_words):
        return f"out of memory{said}"
    if row.exit_code == NODE_LOST:
        return f"node lost: one of {row.node or 'its nodes'} left the Ray cluster{said}"
    if row.exit_code == BRING_UP:
        return f"not every node of {row.node or 'the job'} joined the Ray cluster{said}"
    if number := row.signal or max(0, row.exit_code - 128):
        return f"killed by {signal_name(number)}{said}"
    return f"exit code {row.exit_code}{said}"


def cancelled(row: Row | None, own: OwnFiles) -> str:
    """Who cancelled a run."""
    if own.cancelled_by_us:
        by, at = own.cancelled.get("by"), own.cancelled.get("at")
        return f"cancelled by {by} at {at}"
    if row and row.cancelled_by:
        return f"cancelled by {row.cancelled_by}"
    if row and row.reason.startswith("Dependency"):
        return "cancelled by SLURM: the job it waits for did not end well"
    return "cancelled; by whom is known to accounting only"


def signal_name(number: int) -> str:
    """9 -> signal 9 (SIGKILL)."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _said(own: OwnFiles) -> str:
    return f"; last line: {own.last_words}{_see(own.log, own.folder)}" if own.last_words else ""


def _see(log: str, folder: Path) -> str:
    if not log:
        return ""
    path = Path(log)
    return f" (log: {path.relative_to(folder) if path.is_relative_to(folder) else path})"


def _line(text: Any) -> str:
    """The first line that says something."""
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    return lines[0] if lines else ""
