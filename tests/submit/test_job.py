"""One attempt inside a job: what it says of its end, and when it does not begin."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError, RepriseError, RunDirError, TrainingError
from harness.rundir import RunDir, read_status, run_name
from harness.submit import freeze, job
from harness.submit.attempts import Start, record_start, start_now, starts
from tests.submit.stub import composed, slurm_run

ENVIRONMENT = "numpy==2.0\n"
Execute = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A frozen run of a submission, and the variables that slurm/job.sh sets."""
    monkeypatch.setattr(freeze, "packages", lambda: {"numpy": "2.0"})
    monkeypatch.setattr(freeze, "relocated", lambda value, code: value)
    spec = slurm_run(tmp_path)
    run = tmp_path / run_name(spec)
    freeze.freeze_run(RunDir(run), spec, tmp_path / "code")
    RunDir(run).status("queued")
    submission = tmp_path / "submissions" / "id"
    submission.mkdir(parents=True)
    (submission / "environment.txt").write_text(ENVIRONMENT)
    record = {"environment": "environment.txt", "overrides": {str(run): ["seed=1"]}}
    (submission / "submission.json").write_text(json.dumps(record))
    logs = run / "logs" / "slurm" / "12_3-1"
    logs.mkdir(parents=True)
    for name, value in {
        "REPRISE_SUBMISSION": submission, "REPRISE_LOGS": logs, "REPRISE_PART": "train",
        "SLURM_ARRAY_JOB_ID": 12, "SLURM_ARRAY_TASK_ID": 3, "SLURM_RESTART_COUNT": 1,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    return run


@pytest.fixture
def execute(monkeypatch: pytest.MonkeyPatch) -> Callable[[Execute], None]:
    """Puts something in the place of the pipeline."""
    return lambda stand_in: monkeypatch.setattr(job, "execute", stand_in)


def raising(error: BaseException) -> Execute:
    def execute(*_: object, **__: object) -> None:
        raise error

    return execute


def must_not_run(*_: object, **__: object) -> None:
    raise AssertionError("the pipeline was started")


def test_the_frozen_run_is_executed_and_noted(
    run: Path, execute: Callable[[Execute], None]
) -> None:
    calls = []
    execute(lambda *given, **more: calls.append((given, more)))
    (run / "logs" / "attempt_4").mkdir()
    assert job.main(run) == 0
    (((spec, overrides), more),) = calls
    assert (spec, overrides, more) == (job.frozen(run)[0], ["seed=1"], {"part": "train"})
    (start,) = starts(run, "12_3")
    assert start.restart == 1
    link = run / "logs" / "slurm" / "12_3-1" / "attempt"
    assert os.path.normpath(link.parent / os.readlink(link)) == str(run / "logs" / "attempt_5")


@pytest.mark.parametrize(
    ("notice", "cause"),
    [
        ('{"cause": "time_limit"}', "time_limit"),
        ('{"cause": "preemption"}', "preemption"),
        ('{"cause": "terminated"}', "terminated"),
        ('{"cause": "moon"}', "terminated"),
        ("{", "terminated"),
        (None, "terminated"),
    ],
)
def test_an_interrupted_run_says_why(
    run: Path, execute: Callable[[Execute], None], notice: str | None, cause: str
) -> None:
    RunDir(run).status("running", stage="train", step=3, steps=9)
    if notice:
        (run / "notice.json").write_text(notice)
    execute(raising(KeyboardInterrupt()))
    assert job.main(run) == job.INTERRUPTED
    status = read_status(run)
    assert (status["state"], status["cause"]) == ("interrupted", cause)
    assert (status["stage"], status["step"], status["steps"]) == ("train", 3, 9)
    assert RunDir(run).events()[-1]["kind"] == "ended"


def test_sigterm_is_such_an_interruption_and_a_second_one_does_not_cut_its_record(
    run: Path, execute: Callable[[Execute], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    ended = RunDir.ended

    def hit_again(self: RunDir, state: str, **fields: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        ended(self, state, **fields)

    monkeypatch.setattr(RunDir, "ended", hit_again)
    assert job.main(run) == job.INTERRUPTED
    assert read_status(run)["state"] == "interrupted"


@pytest.mark.parametrize(
    ("error", "code", "cause"),
    [
        (TrainingError("out of memory", cause="out_of_memory"), 1, "out_of_memory"),
        (ConfigError("no GPU here"), 2, "error"),
    ],
)
def test_a_failure_is_recorded(
    run: Path, execute: Callable[[Execute], None], capsys: pytest.CaptureFixture[str],
    error: RepriseError, code: int, cause: str,
) -> None:  # fmt: skip
    execute(raising(error))
    assert job.main(run) == code
    status = read_status(run)
    assert (status["state"], status["cause"], status["reason"]) == ("failed", cause, str(error))
    assert f"error: {error}" in capsys.readouterr().err


def test_what_the_pipeline_recorded_is_left_alone(
    run: Path, execute: Callable[[Execute], None]
) -> None:
    def failing(*_: object, **__: object) -> None:
        RunDir(run).status("failed", stage="train", cause="signal", reason="killed")
        raise TrainingError("killed", cause="error")

    execute(failing)
    assert job.main(run) == 1
    assert read_status(run)["cause"] == "signal"


def test_a_living_holder_keeps_its_status(run: Path, execute: Callable[[Execute], None]) -> None:
    RunDir(run).status("running", stage="train", step=3)
    before = read_status(run)
    execute(raising(RunDirError("held by process 7")))
    assert job.main(run) == 1
    assert read_status(run) == before


def test_other_packages_are_refused(
    run: Path, execute: Callable[[Execute], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(must_not_run)
    monkeypatch.setattr(freeze, "packages", lambda: {"numpy": "3.0"})
    assert job.main(run) == 1
    status = read_status(run)
    assert (status["state"], status["cause"]) == ("failed", "environment_changed")
    shown_in_tables = status["reason"].splitlines()[0]
    assert "numpy: frozen 2.0, here 3.0" in shown_in_tables
    assert "again=true" in status["reason"]


def test_a_container_brings_its_own_packages(
    run: Path, execute: Callable[[Execute], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(lambda *_, **__: None)
    monkeypatch.setattr(freeze, "packages", lambda: {})
    content = json.loads((run / "run.json").read_text())
    content["spec"]["launch"]["container"] |= {"kind": "apptainer", "image": "/i.sif"}
    (run / "run.json").write_text(json.dumps(content))
    assert job.main(run) == 0


def test_other_keys_are_refused_and_long_lists_cut(
    run: Path, execute: Callable[[Execute], None]
) -> None:
    execute(must_not_run)
    path = run / "train" / "frozen.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {f"k{n}": n for n in range(13)}))
    assert job.main(run) == 1
    reason = read_status(run)["reason"]
    assert "k0: frozen 0, here None" in reason and "and 3 more" in reason


@pytest.mark.parametrize("missing", ["run.json", "../submissions/id/submission.json"])
def test_a_missing_record_is_told(
    run: Path, execute: Callable[[Execute], None], missing: str
) -> None:
    execute(must_not_run)
    (run / missing).unlink()
    assert job.main(run) == 1
    assert "cannot be read" in read_status(run)["reason"]


def test_a_run_for_this_machine_is_no_job(run: Path, execute: Callable[[Execute], None]) -> None:
    execute(must_not_run)
    content = {"identity": "a", "spec": composed().model_dump(mode="json")}
    (run / "run.json").write_text(json.dumps(content))
    assert job.main(run) == 1
    assert "composed for launch=local" in read_status(run)["reason"]


def test_two_fruitless_attempts_are_enough(
    run: Path, execute: Callable[[Execute], None], capsys: pytest.CaptureFixture[str]
) -> None:
    execute(must_not_run)
    for restart in (0, 1):
        record_start(run, start_now(run, "12_3", restart))
    assert job.main(run) == job.GAVE_UP
    status = read_status(run)
    assert (status["state"], status["cause"]) == ("failed", "no_progress")
    assert "giving up: 2 attempts in a row" in capsys.readouterr().err
    assert len(starts(run, "12_3")) == 2


def test_attempts_are_bounded_and_those_of_other_jobs_do_not_count(
    run: Path, execute: Callable[[Execute], None]
) -> None:
    execute(lambda *_, **__: None)
    for number in range(20):
        record_start(run, Start(job="11_3", restart=number, time=0.0, progress=str(number)))
    assert job.main(run) == 0
    execute(must_not_run)
    for number in range(20):
        record_start(run, Start(job="12_3", restart=number, time=0.0, progress=str(number)))
    assert job.main(run) == job.GAVE_UP
    assert read_status(run)["cause"] == "too_many_attempts"


@pytest.mark.parametrize(
    ("named", "code"), [("20260101-120001-0a0a", job.GAVE_UP), ("20251231-120000-ffff", 0)]
)
def test_a_job_that_its_submission_lost_leaves_the_run_to_a_later_one(
    run: Path,
    execute: Callable[[Execute], None],
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    code: int,
) -> None:
    execute(must_not_run if code else lambda *_, **__: None)
    mine = run.parent / "submissions" / "20260101-120000-1b1b"
    (run.parent / "submissions" / "id").rename(mine)
    monkeypatch.setenv("REPRISE_SUBMISSION", str(mine))
    submit = {"submission": str(mine.with_name(named)), "jobs": []}
    (run / "submit.json").write_text(json.dumps(submit))
    assert job.main(run) == code
    assert read_status(run)["state"] == "queued"
