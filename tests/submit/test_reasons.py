"""Failures are told apart, in words that say what to do."""

from pathlib import Path

import pytest

from harness.submit import reasons
from harness.submit.own_files import Job, OwnFiles
from harness.submit.rows import Row

RUN = Path("/runs/a")
TRACE = """TrainingError: Training ended with exit code 1.
Traceback (most recent call last):
  File "/code/reward.py", line 7, in score
    raise ValueError(text)
ValueError: no answer in
  a text of two lines
Whole log: /runs/a/logs/attempt_2/verl.log
Remove the cause and give the same command again: it resumes at the last checkpoint."""


def own(reason: str = "", cause: str = "error", **fields: object) -> OwnFiles:
    status = {"state": "failed", "updated_at": "2026-01-01T00:00:00+0000", "cause": cause}
    return OwnFiles(folder=RUN, status=status | {"reason": reason} | fields)


def failed(**fields: object) -> Row:
    return Row(job="7_0", state="FAILED", node="node1", **fields)  # type: ignore[arg-type]


def test_an_exception_is_its_last_line_and_names_the_log() -> None:
    said = reasons.own_failure(own(TRACE))
    assert said == "ValueError: no answer in (log: logs/attempt_2/verl.log)"


@pytest.mark.parametrize(
    ("reason", "cause", "words"),
    [
        ("DataError: no such file\nnext line", "error", "DataError: no such file"),
        ("TrainingError: Training ended with signal 9.\nlast words\nWhole log: /x/verl.log",
         "signal", "killed by signal 9 (SIGKILL) (log: /x/verl.log)"),
        (TRACE.replace("ValueError: no", "torch.OutOfMemoryError: CUDA out of memory. no"), "error",
         "out of memory: torch.OutOfMemoryError: CUDA out of memory. no answer in (log: logs"),
        (TRACE.replace("ValueError: no", "ray.exceptions.OutOfMemoryError: Task was killed due to "
                       "the node running low on memory. no"), "out_of_memory",
         "out of memory: ray.exceptions.OutOfMemoryError"),
        ("2 attempts in a row ended where they began", "no_progress",
         "no progress: 2 attempts in a row"),
        ("SLURM started this run 20 times", "too_many_attempts", "too many attempts: SLURM"),
        ("what is here is not what was frozen", "environment_changed", "environment changed: what"),
        ("", "something_new", "something new"),
    ],
)  # fmt: skip
def test_causes_of_a_run_itself(reason: str, cause: str, words: str) -> None:
    assert reasons.own_failure(own(reason, cause)).startswith(words)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row(job="7_0", state="TIMEOUT", node="node1"), "time limit, and not requeued (node1)"),
        (Row(job="7_0", state="PREEMPTED"), "preempted, and not requeued"),
        (Row(job="7_0", state="NODE_FAIL", node="node1"), "node lost, and not requeued (node1)"),
        (Row(job="7_0", state="BOOT_FAIL"), "node lost: it did not boot"),
        (Row(job="7_0", state="OUT_OF_MEMORY"), "out of memory: SLURM's limit"),
        (Row(job="7_0", state="COMPLETED"), "the job ended with exit code 0, and the run is not"),
        (failed(exit_code=7), "exit code 7"),
        (failed(signal=9), "killed by signal 9 (SIGKILL)"),
        (failed(exit_code=143), "killed by signal 15 (SIGTERM)"),
        (failed(exit_code=90), "not every node of node1 joined the Ray cluster"),
        (failed(exit_code=91), "node lost: one of node1 left the Ray cluster"),
        (failed(signal=53), "the job failed before it wrote anything: node1 probably does not see"),
        (failed(exit_code=74), "the job failed before it wrote anything: node1 probably does not"),
    ],
)
def test_causes_that_only_slurm_knows(row: Row, words: str) -> None:
    assert reasons.job_failure(row, OwnFiles(folder=RUN)).startswith(words)


def test_the_last_words_of_a_job_are_shown_with_their_file() -> None:
    spoke = OwnFiles(folder=RUN, last_words="bash: no such file", log="/runs/a/logs/slurm/job.log")
    said = reasons.job_failure(failed(exit_code=127), spoke)
    assert said == "exit code 127; last line: bash: no such file (log: logs/slurm/job.log)"


def test_last_words_may_tell_of_memory() -> None:
    spoke = OwnFiles(folder=RUN, last_words="slurmstepd: error: Detected 1 oom-kill event(s)")
    assert reasons.job_failure(failed(exit_code=137), spoke).startswith("out of memory; last line")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Resources", "waiting for free nodes (Resources)"),
        ("Priority", "waiting: jobs of higher priority come first (Priority)"),
        ("QOSMaxGRESPerUser", "waiting: your share of the QOS is in use (QOSMaxGRESPerUser)"),
        ("AssocGrpGRES", "waiting: the limit of your group is reached (AssocGrpGRES)"),
        ("QOSMaxWallDurationPerJobLimit", "waiting: a limit of the QOS or account is reached"),
        ("ReqNodeNotAvail, UnavailableNodes:node[1-2]", "the nodes it needs are down or reserved"),
        ("DependencyNeverSatisfied", "the job it waits for did not end well, so it never starts"),
        ("JobHeldUser", "held: `scontrol release <job>` lets it go on (JobHeldUser)"),
        ("SomethingOfTomorrow", "waiting (SomethingOfTomorrow)"),
        ("", "waiting to be looked at"),
    ],
)
def test_why_a_job_waits(reason: str, words: str) -> None:
    row = Row(job="7_0", state="PENDING", reason=reason)
    assert reasons.pending(row).startswith(words)


@pytest.mark.parametrize(
    ("row", "marker", "words"),
    [
        (None, {"by": "anna", "at": "noon", "jobs": ["7_0"]}, "cancelled by anna at noon"),
        (Row(job="7_0", state="CANCELLED", cancelled_by="root"), {}, "cancelled by root"),
        (Row(job="7_0", state="CANCELLED", reason="DependencyNeverSatisfied"), {},
         "cancelled by SLURM: the job it waits for"),
        (Row(job="7_0", state="CANCELLED"), {"by": "anna", "jobs": ["6_0"]},
         "cancelled; by whom is known to accounting only"),
    ],
)  # fmt: skip
def test_who_cancelled(row: Row | None, marker: dict[str, object], words: str) -> None:
    files = OwnFiles(folder=RUN, jobs=(Job(name="7_0"),), cancelled=marker)
    assert reasons.cancelled(row, files).startswith(words)
