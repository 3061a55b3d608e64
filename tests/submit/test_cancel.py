"""Cancelling ends the jobs of runs that are not done, those alone, and stays known."""

from pathlib import Path
from typing import Any

import pytest

from harness.console import Console
from harness.errors import SubmitError
from harness.submit import cancel as module
from harness.submit.cancel import cancel
from harness.submit.states import states
from tests.submit.making import Tools, make_run, squeue_line


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.0)


def obedient(tools: Tools, jobs: dict[str, str]) -> None:
    """A SLURM that has these jobs, and cancels what it is asked to."""
    before = [squeue_line(job, state) for job, state in jobs.items()]
    after = [squeue_line(job, "CANCELLED") for job in jobs]
    (tools.folder / "squeue.before").write_text("\n".join(before))
    (tools.folder / "squeue.after").write_text("\n".join(after))
    tools.script("scancel", 'touch "$0.done"')
    told = f"{tools.folder}/scancel.done"
    tools.script("squeue", f'[ -e {told} ] && cat "$0.after" || cat "$0.before"')


def test_only_runs_that_are_not_done_are_cancelled(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    queued = make_run(tmp_path / "out/a", {"state": "queued"}, ["7_0"])
    running = make_run(tmp_path / "out/b", {"state": "running"}, ["7_1"])
    make_run(tmp_path / "out/c", {"state": "done"}, ["7_2"])
    make_run(tmp_path / "out/d", {"state": "running", "pid": 4, "host": "box"})
    obedient(tools, {"7_0": "PENDING", "7_1": "RUNNING", "7_2": "COMPLETING"})
    assert cancel(tmp_path / "out", Console()) == 0
    assert tools.calls("scancel") == ["7_[0-1]"]
    said = capsys.readouterr().out
    assert "cancelled: 2 of 2 runs" in said
    assert "left alone, started on a machine: d (process 4 on box)" in said
    # SLURM has forgotten everything; the runs' own files have not.
    tools.make("squeue", errors="Invalid job id specified", code=1)
    for found in states([queued, running]):
        assert found.state == "cancelled" and found.reason.startswith("cancelled by ")


def test_nothing_to_cancel_is_told(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "out/a", {"state": "done"}, ["7_0"])
    assert cancel(tmp_path / "out", Console()) == 0
    assert "nothing to cancel" in capsys.readouterr().out
    assert tools.calls("scancel") == tools.calls("squeue") == []


def test_both_jobs_of_a_split_run_are_cancelled(tmp_path: Path, tools: Tools) -> None:
    jobs = [("7_0", "train"), ("8_0", "evaluate")]
    make_run(tmp_path / "out/a", {"state": "running"}, jobs)
    obedient(tools, {"7_0": "RUNNING", "8_0": "PENDING"})
    assert cancel(tmp_path / "out", Console()) == 0
    assert tools.calls("scancel") == ["7_[0] 8_[0]"]


def test_a_job_that_can_never_start_is_taken_out_of_the_queue(tmp_path: Path, tools: Tools) -> None:
    make_run(tmp_path / "out/a", {"state": "waiting"}, ["7_0"])
    obedient(tools, {"7_0": "PENDING"})
    line = squeue_line("7_0", "PENDING", reason="DependencyNeverSatisfied")
    (tools.folder / "squeue.before").write_text(line)
    assert cancel(tmp_path / "out", Console()) == 0
    assert tools.calls("scancel") == ["7_[0]"]


def test_jobs_that_stay_are_told_with_scancels_words(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(module, "GONE_S", -1.0)
    run = make_run(tmp_path / "out/a", {"state": "running"}, ["7_0"])
    tools.make("squeue", squeue_line("7_0", "RUNNING"))
    tools.make("scancel", errors="scancel: error: Access/permission denied", code=1)
    assert cancel(tmp_path / "out", Console()) == 1
    assert "SLURM still has 7_0: scancel: error: Access/permission denied" in (
        capsys.readouterr().out
    )
    assert states([run])[0].state == "running"


def test_a_run_that_was_done_meanwhile_stays_done(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "out/a", {"state": "running"}, ["7_0"])
    obedient(tools, {"7_0": "RUNNING"})
    done = '{"state": "done", "updated_at": "2099-01-01T00:00:00+0000"}'
    tools.script("scancel", f"touch \"$0.done\"; echo '{done}' >{run}/status.json")
    assert cancel(tmp_path / "out", Console()) == 0
    assert "1 of them were done before" in capsys.readouterr().out
    assert states([run])[0].state == "done"


def test_somebody_elses_folder_is_refused_before_anything_is_cancelled(
    tmp_path: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "out/a", {"state": "queued"}, ["7_0"])
    tools.make("squeue", squeue_line("7_0", "PENDING"))

    def refuse(path: Path, content: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "write_json", refuse)
    with pytest.raises(SubmitError, match="Permission denied"):
        cancel(tmp_path / "out", Console())
    assert tools.calls("scancel") == []


def test_a_run_whose_jobs_are_not_known_is_told_and_is_no_success(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = make_run(tmp_path / "out/a", {"state": "queued"})
    (damaged / "submit.json").write_text("[]")
    make_run(tmp_path / "out/b", {"state": "queued"}, ["7_1"])
    obedient(tools, {"7_1": "PENDING"})
    assert cancel(tmp_path / "out", Console()) == 1
    assert tools.calls("scancel") == ["7_[1]"]
    said = capsys.readouterr().out
    assert "left alone, its jobs are not known: a: submit.json is damaged" in said
    assert "cancelled: 1 of 1 runs" in said
    assert cancel(damaged, Console()) == 1
