"""Lines of SLURM's tools (22.05, copied from a cluster) become rows, or are refused."""

import pytest

from harness.submit.rows import Row, sacct_row, scontrol_row, squeue_row

SCONTROL = (
    "JobId=15162010 ArrayJobId=15162001 ArrayTaskId=4 ArrayTaskThrottle=4 JobName=ok.sh "
    "UserId=root(0) Priority=4294901759 JobState=FAILED Reason=NonZeroExitCode Dependency=(null) "
    "Requeue=1 Restarts=2 BatchFlag=1 Reboot=0 ExitCode=137:0 RunTime=00:00:00 "
    "StartTime=2026-11-21T19:06:20 EndTime=2026-11-21T19:06:20 ReqNodeList=(null) NodeList=node1 "
    "BatchHost=node1 TRES=cpu=1,mem=1G,node=1,billing=1 Socks/Node=* Power="
)


def test_an_array_task_of_squeue() -> None:
    row = squeue_row("15162001|4|FAILED|2|1792|2026-11-21T19:06:20|node1|NonZeroExitCode|")
    assert (row.job, row.state, row.restarts, row.node) == ("15162001_4", "FAILED", 2, "node1")
    assert (row.exit_code, row.signal, row.reason) == (7, 0, "NonZeroExitCode")
    assert row.ended and row.started_at is not None


@pytest.mark.parametrize(
    ("code", "exit_code", "signal"),
    [("0", 0, 0), ("9", 0, 9), ("35072", 137, 0), ("4021", 0, 53), ("7:0", 7, 0), ("0:53", 0, 53)],
)
def test_exit_codes_are_wait_states_or_pairs(code: str, exit_code: int, signal: int) -> None:
    row = squeue_row(f"1|N/A|FAILED|0|{code}|N/A||None|")
    assert (row.exit_code, row.signal) == (exit_code, signal)


def test_a_reason_may_hold_any_text() -> None:
    line = "1|N/A|PENDING|0|0|N/A||ReqNodeNotAvail, UnavailableNodes:node[1-2]|"
    row = squeue_row(line)
    assert row == Row(
        job="1", state="PENDING", reason="ReqNodeNotAvail, UnavailableNodes:node[1-2]"
    )


def test_a_job_of_scontrol() -> None:
    row = scontrol_row(SCONTROL)
    assert (row.job, row.state, row.reason) == ("15162001_4", "FAILED", "NonZeroExitCode")
    assert (row.exit_code, row.signal, row.restarts, row.node) == (137, 0, 2, "node1")


def test_a_reason_of_scontrol_with_spaces() -> None:
    words = "Nodes required for job are DOWN, DRAINED or reserved"
    row = scontrol_row(SCONTROL.replace("NonZeroExitCode", words))
    assert row.reason == words


def test_who_cancelled_is_known_to_sacct() -> None:
    row = sacct_row("15162001_3|CANCELLED by 0|0:0|2026-11-21T19:06:19|node1")
    assert (row.job, row.state, row.cancelled_by) == ("15162001_3", "CANCELLED", "root")
    assert sacct_row("7|CANCELLED by 987654|0:0|None|None assigned").cancelled_by == "987654"


@pytest.mark.parametrize(
    "line",
    ["garbage", "1|2|3", "x|1|PENDING|0|0|N/A||None|", "1|1|perhaps|0|0|N/A||None|",
     "1|1|PENDING|many|0|N/A||None|", "1|1|PENDING|0|zero|N/A||None|"],
)  # fmt: skip
def test_garbage_of_squeue_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError):
        squeue_row(line)


@pytest.mark.parametrize("line", ["garbage", "JobId=1 JobState=RUNNING", "JobId=x JobState=FAILED"])
def test_garbage_of_scontrol_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError):
        scontrol_row(line)
