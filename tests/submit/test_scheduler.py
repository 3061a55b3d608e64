"""SLURM is asked in few calls, and whatever it answers is a row, a note or a clear error."""

from pathlib import Path

import pytest

from harness.submit import scheduler
from harness.submit.scheduler import SchedulerError, ask, cancel
from tests.submit.making import Tools, squeue_line


def test_one_squeue_call_for_all_arrays(tools: Tools) -> None:
    lines = [squeue_line(f"7_{i}", "RUNNING") for i in range(3)] + [squeue_line("8_0", "PENDING")]
    tools.make("squeue", "\n".join(lines))
    answer = ask({"7_0", "7_2", "8_0"})
    assert set(answer.rows) == {"7_0", "7_2", "8_0"}
    (call,) = tools.calls("squeue")
    assert "--states=all" in call and "--jobs=7,8" in call
    assert tools.calls("scontrol") == tools.calls("sacct") == []


def test_no_job_no_question(tools: Tools) -> None:
    assert ask([]).rows == {}
    assert tools.calls("squeue") == []


def test_what_squeue_leaves_out_is_asked_of_scontrol_then_of_accounting(tools: Tools) -> None:
    tools.make("squeue", squeue_line("7_0", "RUNNING"))
    tools.make("scontrol", "JobId=9 ArrayJobId=7 ArrayTaskId=1 JobState=TIMEOUT ExitCode=0:15")
    tools.make("sacct", "7_2|OUT_OF_MEMORY|0:125|2026-11-21T19:06:19|node1\n")
    answer = ask({"7_0", "7_1", "7_2"})
    assert {job: row.state for job, row in answer.rows.items()} == {
        "7_0": "RUNNING", "7_1": "TIMEOUT", "7_2": "OUT_OF_MEMORY",
    }  # fmt: skip
    assert answer.note == ""
    assert len(tools.calls("scontrol")) == len(tools.calls("sacct")) == 1


def test_accounting_names_who_cancelled_and_keeps_the_rest(tools: Tools) -> None:
    tools.make("squeue", squeue_line("7_0", "CANCELLED", restarts=3, node="node1"))
    tools.make("sacct", "7_0|CANCELLED by 0|0:0|None|None assigned\n")
    row = ask({"7_0"}).rows["7_0"]
    assert (row.cancelled_by, row.restarts, row.node) == ("root", 3, "node1")


def test_accounting_is_not_asked_about_what_is_explained(tools: Tools) -> None:
    tools.make("squeue", squeue_line("7_0", "CANCELLED"))
    ask({"7_0"}, explained={"7_0"})
    assert tools.calls("sacct") == []


def test_no_accounting_is_a_note(tools: Tools) -> None:
    answer = ask({"7_0"})
    assert answer.rows == {}
    assert "accounting storage is disabled" in answer.note


def test_a_missing_sacct_is_a_note(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    (tools.folder / "sacct").unlink()
    monkeypatch.setenv("PATH", f"{tools.folder}:{_only_cat(tools.folder)}")
    assert "sacct is not on this machine" in ask({"7_0"}).note


def test_a_missing_squeue_is_an_error(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    (tools.folder / "squeue").unlink()
    monkeypatch.setenv("PATH", f"{tools.folder}:{_only_cat(tools.folder)}")
    with pytest.raises(SchedulerError, match=r"squeue is not on this machine.*login node"):
        ask({"7_0"})


def _only_cat(folder: Path) -> Path:
    clean = folder.parent / "coreutils"
    clean.mkdir()
    (clean / "cat").symlink_to("/bin/cat")
    return clean


@pytest.mark.parametrize("tool", ["squeue", "scontrol", "sacct"])
def test_garbage_is_quoted(tools: Tools, tool: str) -> None:
    tools.make(tool, "Welcome to the cluster!\n")
    with pytest.raises(SchedulerError, match=f"{tool} answered 'Welcome to the cluster!'"):
        ask({"7_0"})


def test_a_dead_controller_is_an_error(tools: Tools) -> None:
    said = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    tools.make("squeue", errors=said, code=1)
    with pytest.raises(SchedulerError, match=r"Unable to contact slurm controller.*sinfo"):
        ask({"7_0"})


def test_a_hanging_controller_is_an_error(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TIMEOUT_S", 0.05)
    tools.script("squeue", "exec sleep 5")
    with pytest.raises(SchedulerError, match="squeue did not answer"):
        ask({"7_0"})


def test_habits_of_a_shell_do_not_change_the_question(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "PENDING")
    monkeypatch.setenv("SLURM_TIME_FORMAT", "relative")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    tools.script("squeue", 'env >"$0.env"; exit 0')
    ask({"7_0"})
    seen = (tools.folder / "squeue.env").read_text()
    assert "SQUEUE_STATES" not in seen and "SLURM_TIME_FORMAT" not in seen
    assert "SLURM_CONF=/etc/slurm.conf" in seen


def test_a_long_list_of_arrays_is_asked_in_portions(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "MOST_CHARACTERS", 12)
    tools.make("squeue", "")
    ask({f"{n}_0" for n in range(1000, 1006)})
    assert len(tools.calls("squeue")) == 3


def test_one_scancel_call_names_ranges(tools: Tools) -> None:
    assert cancel({"7_0", "7_1", "7_2", "7_5", "8_0", "9"}) == ""
    assert tools.calls("scancel") == ["7_[0-2,5] 8_[0] 9"]


def test_complaints_of_scancel_are_told(tools: Tools) -> None:
    tools.make("scancel", errors="scancel: error: Access/permission denied\n", code=1)
    assert "permission denied" in cancel({"7_0"})
