"""Waiting ends when all runs have ended, asks SLURM seldom, and survives a silent controller."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from harness.console import Console
from harness.submit import watch
from harness.submit.scheduler import SchedulerError
from harness.submit.watch import Watcher, wait, wait_for
from tests.submit.making import Tools, make_run, squeue_line

DOWN: dict[str, Any] = {"errors": "Unable to contact slurm controller", "code": 1}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ASK_FEW_S", 0.0)


def test_waiting_for_what_is_done_ends_at_once(tmp_path: Path, tools: Tools) -> None:
    make_run(tmp_path / "out/a", {"state": "done"}, ["7_0"])
    assert wait(tmp_path / "out", Console(), poll_s=0) == 0
    assert tools.calls("squeue") == []


def test_every_change_is_a_line(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    run = make_run(tmp_path / "out/a", {"state": "queued"}, ["7_0"])
    tools.make("squeue", squeue_line("7_0", "PENDING", reason="Resources"))

    def starts(_: float) -> None:
        make_run(run, {"state": "running", "stage": "train"})
        tools.make("squeue", squeue_line("7_0", "RUNNING", node="node2"))

    def fails(_: float) -> None:
        make_run(run, {"state": "failed", "stage": "train", "reason": "ValueError: x"})
        tools.make("squeue", squeue_line("7_0", "FAILED", code=256))

    acts = itertools.chain([lambda _: None, starts, lambda _: None], itertools.repeat(fails))
    monkeypatch.setattr("harness.submit.watch.time.sleep", lambda s: next(acts)(s))
    assert wait(tmp_path / "out", Console(), poll_s=0) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "  a  " in line]
    assert len(lines) == 3
    assert "queued  job 7_0  waiting for free nodes" in lines[0]
    assert "running train  job 7_0 on node2" in lines[1]
    assert "failed train" in lines[2] and "ValueError: x" in lines[2]


def test_stopping_leaves_the_jobs_alone(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    make_run(tmp_path / "out/a", {"state": "queued"}, ["7_0"])
    tools.make("squeue", squeue_line("7_0", "PENDING"))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.submit.watch.time.sleep", interrupt)
    assert wait(tmp_path / "out", Console()) == 130
    assert "stopped waiting; the runs go on" in capsys.readouterr().out
    assert tools.calls("scancel") == []


def test_slurm_is_asked_seldom_and_own_files_often(
    tmp_path: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ASK_FEW_S", 1000.0)
    first = make_run(tmp_path / "a", {"state": "running"}, ["7_0"])
    second = make_run(tmp_path / "b", {"state": "running"}, ["7_1"])
    tools.make("squeue", "\n".join(squeue_line(f"7_{i}", "RUNNING") for i in range(2)))
    watcher = Watcher([first, second])
    assert len(watcher.look()) == 2
    assert watcher.look() == []
    make_run(first, {"state": "done"})
    assert [run.state for run in watcher.look()] == ["done"]
    assert not watcher.over()
    assert len(tools.calls("squeue")) == 1


def test_what_has_ended_is_not_asked_about_again(tmp_path: Path, tools: Tools) -> None:
    first = make_run(tmp_path / "a", {"state": "running"}, ["7_0"])
    second = make_run(tmp_path / "b", {"state": "running"}, ["8_0"])
    lines = [squeue_line("7_0", "TIMEOUT"), squeue_line("8_0", "RUNNING")]
    tools.make("squeue", "\n".join(lines))
    watcher = Watcher([first, second])
    watcher.look()
    watcher.look()
    assert "--jobs=7,8" in tools.calls("squeue")[0] and "--jobs=8" in tools.calls("squeue")[1]


def test_a_silent_controller_is_waited_for(
    tmp_path: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "a", {"state": "running"}, ["7_0"])
    tools.make("squeue", squeue_line("7_0", "RUNNING"))
    watcher = Watcher([run])
    watcher.look()
    tools.make("squeue", **DOWN)
    assert watcher.look() == []
    monkeypatch.setattr(watch, "PATIENCE_S", -1.0)
    with pytest.raises(SchedulerError):
        watcher.look()


def test_a_controller_that_is_down_from_the_start_is_an_error(tmp_path: Path, tools: Tools) -> None:
    tools.make("squeue", **DOWN)
    with pytest.raises(SchedulerError):
        wait_for([make_run(tmp_path / "a", {"state": "running"}, ["7_0"])])


def test_the_sweep_waits_in_silence(
    tmp_path: Path, tools: Tools, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    run = make_run(tmp_path / "a", {"state": "running"}, ["7_0"])
    tools.make("squeue", squeue_line("7_0", "RUNNING"))
    monkeypatch.setattr(
        "harness.submit.watch.time.sleep", lambda _: make_run(run, {"state": "done"})
    )
    wait_for([run])
    assert capsys.readouterr().out == ""
