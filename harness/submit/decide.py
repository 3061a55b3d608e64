"""Own files and SLURM's rows -> how a run stands and why; pure, states.py reads and asks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.submit import reasons
from harness.submit.own_files import OwnFiles
from harness.submit.rows import Row

State = Literal[
    "not submitted",
    "queued",
    "starting",
    "running",
    "interrupted",
    "done",
    "failed",
    "cancelled",
    "lost",
]
FINAL = frozenset({"not submitted", "done", "failed", "cancelled", "lost"})
LOCAL = "local"
AGAIN = "the same command with again=true continues it"

NOT_STARTED = frozenset(
    {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
PAUSED = frozenset({"SUSPENDED", "STOPPED"})
ENDING_S = 60.0
"""How long after a failure SLURM is asked whether another attempt follows."""
SUBMITTING_S = 600.0
"""How long a submission by another machine is believed to be under way."""
SILENT_S = 900.0
SILENT_STEPS = 5
"""A training is called silent after both: that many seconds, and that many steps' time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """How one run stands."""

    folder: Path
    name: str
    state: State
    stage: str = ""
    """prepare, train, evaluate...; with the training's name for a chain."""
    step: int | None = None
    """Of the training that goes on."""
    steps: int | None = None
    reward: float | None = None
    """Mean reward of the last step."""
    eta_s: float | None = None
    """Seconds to the end of the training that goes on."""
    node: str = ""
    attempt: int = 0
    job: str = ""
    """123_4; local for a run that was started on a machine."""
    reason: str = ""
    final: bool
    """It does not change by itself."""
    in_slurm: bool = False
    """SLURM has a job of it that has not ended."""


def settled(own: OwnFiles, now: float) -> bool:
    """SLURM need not be asked: the run's own files say how it ended."""
    if not own.submitted or own.state == "done":
        return True
    if own.cancelled_by_us and own.cancelled.get("confirmed"):
        return True
    return own.state == "failed" and not own.resumable and now - own.updated_at > ENDING_S


def relevant(own: OwnFiles, rows: Mapping[str, Row]) -> Row | None:
    """Of a run's jobs (training, then evaluation) the one that it is about."""
    known = [rows[job.name] for job in own.jobs if job.name in rows]
    open_ones = [row for row in known if row.state != "COMPLETED"]
    return next(iter(open_ones or known[-1:]), None)


def decide(own: OwnFiles, rows: Mapping[str, Row], now: float) -> RunState:
    """How a run stands, from its own files and SLURM's rows about its jobs. Pure."""
    row = relevant(own, rows)
    if not own.submitted:
        state, reason = _local(own, now)
    elif own.state == "done":
        state, reason = "done", ""
    elif own.cause == "not_submitted":
        state, reason = "not submitted", reasons.own_failure(own)
    elif row is None:
        state, reason = _unknown_to_slurm(own)
    elif row.ended:
        state, reason = _ended(own, row)
    else:
        state, reason = _active(own, row)
    active = any(not rows[job.name].ended for job in own.jobs if job.name in rows)
    final = state in FINAL and not (active and _may_change(state, row))
    if not own.submitted and state == "interrupted":
        final = True
    found = _described(own, row, state, now)
    silent = _silence(own, found, now)
    words = "; ".join(filter(None, [reason, silent, own.damage]))
    return replace(found, reason=words, final=final, in_slurm=active)


def _may_change(state: State, row: Row | None) -> bool:
    """A job that has not ended leaves its run open, unless it can never start."""
    never = row is not None and row.reason == "DependencyNeverSatisfied"
    return state != "done" and not never


def _local(own: OwnFiles, now: float) -> tuple[State, str]:
    """A run that was started on a machine, or not at all."""
    said = own.status.get("state")
    if said is None or (said == "queued" and own.damage):  # SLURM may have it: not to be repeated
        return ("lost", "") if own.damage else ("not submitted", "")
    if said == "done":
        return "done", ""
    if said == "failed":
        state: State = "not submitted" if own.cause == "not_submitted" else "failed"
        return state, reasons.own_failure(own)
    if said == "queued":
        young = own.elsewhere and now - own.updated_at < SUBMITTING_S
        if own.alive or young:
            return "queued", "on its way to SLURM"
        return "not submitted", "the submission ended before SLURM took this run"
    if said == "interrupted":
        return "interrupted", f"{reasons.interrupted(own)}; the same command continues it"
    host = own.status.get("host")
    if own.alive:
        return "running", ""
    if own.elsewhere:
        return "running", f"on {host}, last heard {_ago(now - own.updated_at)} ago"
    return "lost", f"status.json says {said}, its process is gone; the same command continues it"


def _unknown_to_slurm(own: OwnFiles) -> tuple[State, str]:
    job = own.jobs[0].name if own.jobs else "of it"
    if own.state == "failed" and not own.resumable:
        return "failed", reasons.own_failure(own)
    if own.cancelled_by_us:
        return "cancelled", reasons.cancelled(None, own)
    if own.state == "running" and own.alive:
        return "running", "continued on this machine"
    if own.state in ("", "queued"):
        return "lost", f"it never started, and SLURM knows no job {job} (any more); {AGAIN}"
    said = "its process is gone" if own.state == "running" else reasons.interrupted(own)
    return "lost", f"status.json says {own.state}, SLURM knows no job {job}: {said}; {AGAIN}"


def _ended(own: OwnFiles, row: Row) -> tuple[State, str]:
    if own.state == "failed" and not own.resumable:
        return "failed", reasons.own_failure(own)
    if own.cancelled_by_us or row.state == "CANCELLED":
        return "cancelled", reasons.cancelled(row, own)
    if own.state == "waiting" and row.state == "COMPLETED":
        return "not submitted", "trained; its evaluation has no job"
    if own.state == "interrupted" or own.resumable:
        return "failed", f"{reasons.interrupted(own)}, and SLURM did not start it again; {AGAIN}"
    return "failed", reasons.job_failure(row, own)


def _active(own: OwnFiles, row: Row) -> tuple[State, str]:
    began = own.state in ("running", "interrupted", "failed")
    if row.state in NOT_STARTED:
        if row.reason == "DependencyNeverSatisfied":
            return "failed", f"{reasons.pending(row)}; action=cancel takes it out of the queue"
        if began or row.restarts:
            return "interrupted", f"{reasons.interrupted(own)}; {reasons.pending(row)}"
        return "queued", reasons.pending(row)
    if row.state in PAUSED:
        return "interrupted", "paused by SLURM for another job"
    if own.state == "failed":
        if own.resumable:
            return "interrupted", reasons.interrupted(own)
        return "failed", reasons.own_failure(own)
    if row.state == "COMPLETING" and own.cancelled_by_us:
        return "cancelled", reasons.cancelled(row, own)
    if not began or (row.started_at and own.updated_at + 1 < row.started_at):
        return "starting", ""
    if own.state == "interrupted":
        return "interrupted", reasons.interrupted(own)
    return "running", "the job is ending" if row.state == "COMPLETING" else ""


def _described(own: OwnFiles, row: Row | None, state: State, now: float) -> RunState:
    """What does not depend on why."""
    at = own.leg if own.leg.get("steps") else own.status
    step, steps = at.get("step", own.progress.step), at.get("steps") or None
    stage = str(own.status.get("stage", ""))
    local = not own.submitted and bool(own.status) and state != "not submitted"
    job = row.job if row else own.jobs[-1].name if own.jobs else LOCAL if local else ""
    nowhere = state in ("queued", "not submitted") or own.status.get("state") == "queued"
    here = "" if nowhere else str(own.status.get("host", ""))
    attempt = own.status.get("attempt")
    found = RunState(
        folder=own.folder,
        name=own.folder.name,
        state=state,
        stage=stage,
        step=step if isinstance(step, int) else None,
        steps=steps if isinstance(steps, int) else None,
        reward=own.progress.reward,
        node=row.node if row and row.node else here,
        attempt=attempt if isinstance(attempt, int) else 0,
        job=job,
        final=state in FINAL,
    )
    return replace(found, eta_s=_eta(own, found, now))


def _eta(own: OwnFiles, found: RunState, now: float) -> float | None:
    last, pace = own.progress.step, own.progress.step_s
    training = found.state == "running" and found.stage.startswith("train")
    if not training or last is None or pace is None or found.steps is None:
        return None
    waited = min(max(0.0, now - (own.progress.at or now)), pace)
    return max(0.0, (found.steps - last) * pace - waited)


def _silence(own: OwnFiles, found: RunState, now: float) -> str:
    heard = max(own.updated_at, own.progress.at or 0.0)
    pace = own.progress.step_s
    if found.state != "running" or not found.stage.startswith("train") or pace is None:
        return ""
    quiet = now - heard
    return f"no step for {_ago(quiet)}" if quiet > max(SILENT_S, SILENT_STEPS * pace) else ""


def _ago(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
