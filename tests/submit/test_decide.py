"""Own files and SLURM's row -> state, in a table; nothing is read or asked."""

from pathlib import Path
from typing import Any

import pytest

from harness.submit.decide import RunState, decide, settled
from harness.submit.own_files import Job, OwnFiles
from harness.submit.progress import Progress
from harness.submit.rows import Row
from tests.submit.making import NOW, stamp

JOB = "7_0"
SUBMITTED = {"submission": "/out/submissions/1", "submitted_at": stamp(NOW - 1000)}


def own(
    state: str | None = None, *, age_s: float | None = None, slurm: bool = True, **more: Any
) -> OwnFiles:
    """A run's files; "queued" is written when it is submitted, other states come later."""
    if age_s is None:
        age_s = 1000 if state == "queued" else 100
    files: dict[str, Any] = {}
    for name in ("progress", "alive", "cancelled", "notice", "exit_code", "elsewhere", "damage"):
        if name in more:
            files[name] = more.pop(name)
    status = {"state": state, "updated_at": stamp(NOW - age_s), "attempt": 2, "host": "node1"}
    if slurm:
        files |= {"submit": SUBMITTED, "jobs": more.pop("jobs", (Job(name=JOB),))}
    return OwnFiles(folder=Path("/out/run-a"), status=status | more if state else {}, **files)


def row(state: str, job: str = JOB, **fields: Any) -> Row:
    return Row(job=job, state=state, **fields)


def decided(files: OwnFiles, *rows: Row) -> RunState:
    return decide(files, {row.job: row for row in rows}, NOW)


MARKER = {"by": "anna", "at": "noon", "jobs": [JOB]}

CASES = [
    # own files, SLURM's row, state, final, what the reason contains
    ("queued", own("queued"), row("PENDING", reason="Resources"), "queued", False, "free nodes"),
    ("no status yet", own(), row("PENDING"), "queued", False, ""),
    ("a status of an older submission", own("failed", age_s=5000, reason="old"),
     row("PENDING", reason="Priority"), "queued", False, "higher priority"),
    ("a node boots", own("queued"), row("CONFIGURING"), "starting", False, ""),
    ("the job runs, the run not yet", own("queued"), row("RUNNING"), "starting", False, ""),
    ("running", own("running"), row("RUNNING", started_at=NOW - 200), "running", False, ""),
    ("requeued, not yet up", own("running"), row("RUNNING", started_at=NOW - 10, restarts=1),
     "starting", False, ""),
    ("suspended", own("running"), row("SUSPENDED"), "interrupted", False, "paused"),
    ("time limit, requeued", own("interrupted", cause="time_limit"),
     row("PENDING", restarts=1, reason="BeginTime"), "interrupted", False, "time limit; waiting"),
    ("preempted, requeued", own("interrupted", cause="preemption"), row("PENDING", restarts=1),
     "interrupted", False, "preempted"),
    ("node lost, requeued", own("running"), row("PENDING", restarts=1, reason="BeginTime"),
     "interrupted", False, "node lost, or the job killed without notice (on node1)"),
    ("the notice says why", own("running", notice={"cause": "preemption"}),
     row("PENDING", restarts=1), "interrupted", False, "preempted"),
    ("Ray lost a node, requeued", own("failed", cause="error", exit_code=91),
     row("PENDING", restarts=1), "interrupted", False, "node lost"),
    ("Ray lost a node, about to be requeued", own("failed", cause="error", exit_code=91),
     row("RUNNING"), "interrupted", False, "node lost"),
    ("not requeued", own("interrupted", cause="time_limit"), row("FAILED", exit_code=75), "failed",
     True, "time limit, and SLURM did not start it again; the same command with again=true"),
    ("never starts", own("waiting"), row("PENDING", reason="DependencyNeverSatisfied"), "failed",
     True, "never starts"),
    ("done", own("done"), None, "done", True, ""),
    ("done, the job is ending", own("done"), row("COMPLETING"), "done", True, ""),
    ("failed", own("failed", reason="ValueError: x", cause="error"), row("FAILED", exit_code=1),
     "failed", True, "ValueError: x"),
    ("failed, the job is ending", own("failed", reason="ValueError: x", cause="error"),
     row("RUNNING"), "failed", False, "ValueError: x"),
    ("failed and forgotten", own("failed", reason="ValueError: x", cause="error"), None, "failed",
     True, "ValueError: x"),
    ("exit 0 and not done", own("running"), row("COMPLETED"), "failed", True, "exit code 0"),
    ("out of memory", own("running"), row("OUT_OF_MEMORY"), "failed", True, "out of memory"),
    ("killed by SLURM's limit", own("running"), row("TIMEOUT"), "failed", True, "time limit"),
    ("wrote nothing", own(), row("FAILED", signal=53, node="node9"), "failed", True, "node9 prob"),
    ("cancelled outside", own("running"), row("CANCELLED", cancelled_by="root"), "cancelled", True,
     "by root"),
    ("cancelled here, SLURM remembers", own("interrupted", cause="terminated", cancelled=MARKER),
     row("CANCELLED"), "cancelled", True, "by anna"),
    ("cancelled here, forgotten", own("queued", cancelled=MARKER), None, "cancelled", True, "anna"),
    ("cancelled here, told to stop", own("failed", cause="terminated", cancelled=MARKER),
     row("FAILED", exit_code=75), "cancelled", True, "by anna"),
    ("cancelled here, still ending", own("running", cancelled=MARKER), row("COMPLETING"),
     "cancelled", False, "by anna"),
    ("a failure before the cancellation counts", own("failed", reason="ValueError: x",
     cause="error", cancelled=MARKER), row("CANCELLED"), "failed", True, "ValueError: x"),
    ("submitted again after a cancellation", own("queued", cancelled=MARKER | {"jobs": ["6_0"]}),
     row("PENDING"), "queued", False, ""),
    ("lost while running", own("running"), None, "lost", True, "its process is gone; the same"),
    ("lost while interrupted", own("interrupted", cause="preemption"), None, "lost", True,
     "preempted"),
    ("lost while queued", own("queued"), None, "lost", True, "it never started"),
    ("continued by hand", own("running", alive=True), None, "running", False, "on this machine"),
    ("refused by sbatch", own("failed", cause="not_submitted", reason="sbatch refused", age_s=10),
     None, "not submitted", True, "sbatch refused"),
    ("a damaged status", own(damage="status.json cannot be read"), row("RUNNING"), "starting",
     False, "status.json cannot be read"),
    ("an unknown state of SLURM", own("running"), row("STAGE_OUT"), "running", False, ""),
    # started on a machine
    ("local", own("running", slurm=False, alive=True), None, "running", False, ""),
    ("local elsewhere", own("running", slurm=False, elsewhere=True, age_s=7300), None, "running",
     False, "on node1, last heard 2 h 2 min ago"),
    ("local, gone", own("running", slurm=False), None, "lost", True, "the same command continues"),
    ("local, failed", own("failed", slurm=False, reason="ValueError: x"), None, "failed", True,
     "ValueError: x"),
    ("local, done", own("done", slurm=False), None, "done", True, ""),
    ("local, interrupted", own("interrupted", slurm=False, cause="terminated"), None, "interrupted",
     True, "told to stop; the same command continues it"),
    ("submitting", own("queued", slurm=False, alive=True), None, "queued", False, "on its way"),
    ("submitting elsewhere", own("queued", age_s=9, slurm=False, elsewhere=True), None, "queued",
     False, "on its way"),
    ("submission died", own("queued", slurm=False), None, "not submitted", True, "before SLURM"),
    ("submitting again", own("queued", age_s=1, alive=True, cancelled=MARKER), None, "queued",
     False, "on its way"),
    ("submitting again died", own("queued", age_s=1), None, "not submitted", True, "before SLURM"),
    ("never started", own(slurm=False), None, "not submitted", True, ""),
    ("submitted, its submit.json damaged", own("queued", slurm=False, damage="submit.json is bad"),
     None, "lost", True, "submit.json is bad"),
    ("unreadable", own(slurm=False, damage="status.json is bad"), None, "lost", True, "is bad"),
    ("a state of tomorrow", own("dreaming", slurm=False), None, "lost", True, "dreaming"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_states(case: tuple[str, OwnFiles, Row | None, str, bool, str]) -> None:
    _, files, said, state, final, words = case
    found = decided(files, *([said] if said else []))
    assert (found.state, found.final) == (state, final)
    assert words in found.reason
    assert found.in_slurm == (said is not None and not said.ended)


SPLIT = (Job(name="7_0", part="train"), Job(name="8_0", part="evaluate"))


@pytest.mark.parametrize(
    ("files", "train", "evaluate", "state", "job"),
    [
        (own("running", stage="train", jobs=SPLIT), row("RUNNING", "7_0"),
         row("PENDING", "8_0", reason="Dependency"), "running", "7_0"),
        (own("waiting", stage="evaluate", jobs=SPLIT), row("COMPLETED", "7_0"),
         row("PENDING", "8_0", reason="Resources"), "queued", "8_0"),
        (own("waiting", jobs=SPLIT), None, row("PENDING", "8_0"), "queued", "8_0"),
        (own("running", stage="evaluate", jobs=SPLIT), row("COMPLETED", "7_0"),
         row("RUNNING", "8_0"), "running", "8_0"),
        (own("failed", cause="error", jobs=SPLIT), row("FAILED", "7_0"),
         row("CANCELLED", "8_0"), "failed", "7_0"),
        (own("waiting", jobs=SPLIT), None, row("CANCELLED", "8_0"), "cancelled", "8_0"),
    ],
)  # fmt: skip
def test_training_and_evaluation_in_two_jobs(
    files: OwnFiles, train: Row | None, evaluate: Row, state: str, job: str
) -> None:
    found = decided(files, *([train] if train else []), evaluate)
    assert (found.state, found.job) == (state, job)


def test_progress_and_time_left_of_a_training() -> None:
    at = Progress(step=8, reward=0.25, at=NOW - 20, step_s=60)
    files = own("running", stage="train", step=8, steps=12, progress=at)
    found = decided(files, row("RUNNING", node="node3"))
    assert (found.step, found.steps, found.reward, found.node) == (8, 12, 0.25, "node3")
    assert found.eta_s == pytest.approx(4 * 60 - 20)
    assert found.attempt == 2


def test_no_time_left_is_told_outside_training() -> None:
    at = Progress(step=12, reward=0.25, at=NOW - 20, step_s=60)
    found = decided(own("running", stage="evaluate", steps=12, progress=at), row("RUNNING"))
    assert found.eta_s is None


def test_a_training_without_a_step_for_long_is_told() -> None:
    at = Progress(step=8, reward=0.25, at=NOW - 990, step_s=60)
    files = own("running", stage="train", steps=12, progress=at, age_s=990)
    assert "no step for 16 min" in decided(files, row("RUNNING")).reason


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (own("done"), True),
        (own("done", slurm=False), True),
        (own("done", age_s=5000), False),
        (own("running"), False),
        (own("failed", cause="error"), True),
        (own("failed", cause="error", age_s=5), False),
        (own("failed", cause="terminated"), False),
        (own("failed", cause="error", exit_code=91), False),
        (own("queued", cancelled=MARKER), False),
        (own("queued", cancelled=MARKER | {"confirmed": True}), True),
        (own(), False),
    ],
)
def test_when_slurm_need_not_be_asked(files: OwnFiles, expected: bool) -> None:
    assert settled(files, NOW) is expected


def test_the_machine_that_submitted_is_not_the_node_of_the_run() -> None:
    assert decided(own("queued", cancelled=MARKER), row("CANCELLED")).node == ""
    refused = own("failed", cause="not_submitted", reason="sbatch refused it")
    found = decided(refused)
    assert (found.node, found.reason) == ("", "sbatch refused it")
