"""States, reasons, cancelling and waiting against a real SLURM."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.console import Console
from harness.submit.cancel import cancel
from harness.submit.decide import RunState
from harness.submit.own_files import read
from harness.submit.scheduler import ask
from harness.submit.states import run_folders, survey
from harness.submit.watch import wait
from tests.submit.making import make_run, stamp, write

pytestmark = pytest.mark.slurm

DEADLINE_S = 60.0
STATUS = """
status() { printf '{"state": "%s", "attempt": 1, "host": "%s", "pid": %s, "updated_at": "%s"%s}' \\
    "$1" "$(hostname)" $$ "$(date +%FT%T%z)" "$2" >"$run/status.json"; }
"""
BODIES = {
    "done": "status done; exit 0",
    "raised": """status failed ', "cause": "error", "reason": "ValueError: no answer"'; exit 1""",
    "silent": "echo the last line; exit 7",
    "killed": "status running; kill -9 $$",
    "running": "status running; sleep 300",
}


def submit(cluster: Any, out: Path, bodies: dict[str, str], *options: str) -> list[Path]:
    """An array with a run for each body, recorded as a submission records it."""
    submission = out / "submissions/1"
    (submission / "logs").mkdir(parents=True, exist_ok=True)
    runs = [make_run(out / name) for name in bodies]
    numbered = enumerate(zip(runs, bodies.values(), strict=True))
    lines = [f"{i}) run={run}; {body} ;;" for i, (run, body) in numbered]
    script = submission / f"{runs[0].name}.sbatch"
    cases = "\n".join(lines)
    script.write_text(f"#!/bin/bash\n{STATUS}\ncase $SLURM_ARRAY_TASK_ID in\n{cases}\nesac\n")
    job = cluster.run(
        "sbatch", "--parsable", f"--array=0-{len(runs) - 1}", f"--chdir={out}",
        f"--output={submission}/logs/%A_%a.log", *options, str(script),
    ).strip()  # fmt: skip
    for index, run in enumerate(runs):
        entry = {"job_id": job, "index": index, "part": "all"}
        content = {"submission": str(submission), "submitted_at": stamp(time.time() - 1)}
        write(run / "submit.json", content | {"jobs": [entry]})
    return runs


def until(out: Path, accept: Callable[[dict[str, RunState]], bool]) -> dict[str, RunState]:
    """The states of all runs, once they are as wanted."""
    end = time.monotonic() + DEADLINE_S
    while True:
        found = {run.name: run for run in survey(run_folders(out)).runs}
        if accept(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.5)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output root."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_states_and_reasons_are_told_apart(cluster: Any, out: Path) -> None:
    submit(cluster, out, BODIES)
    submit(cluster, out, {"held": "exit 0"}, "--hold")
    (bad,) = submit(cluster, out, {"bad": "exit 3"})
    before = read(bad).jobs[0].name
    submit(cluster, out, {"orphan": "exit 0"}, f"--dependency=afterok:{before}")
    ended = ("done", "raised", "silent", "killed", "orphan")
    found = until(
        out,
        lambda runs: runs["running"].state == "running" and all(runs[n].final for n in ended),
    )
    reasons = {name: run.reason for name, run in found.items()}
    states = {name: run.state for name, run in found.items()}
    assert states == {
        "done": "done", "raised": "failed", "silent": "failed", "killed": "failed",
        "running": "running", "held": "queued", "bad": "failed", "orphan": "failed",
    }  # fmt: skip
    assert reasons["raised"] == "ValueError: no answer"
    assert reasons["silent"].startswith("exit code 7; last line: the last line")
    assert reasons["killed"].startswith("killed by signal 9 (SIGKILL)")
    assert reasons["held"].startswith("held: `scontrol release ")
    assert "the job it waits for did not end well" in reasons["orphan"]
    assert found["running"].node.startswith("node")
    assert cancel(out, Console()) == 0


def test_cancelling_ends_these_jobs_and_no_others(
    cluster: Any, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = {"a": BODIES["running"], "b": BODIES["done"]}
    submit(cluster, out, bodies)
    submit(cluster, out, {"c": BODIES["done"]}, "--hold")
    other = tmp_path / "other"
    submit(cluster, other, {"d": BODIES["running"]})
    until(out, lambda runs: runs["a"].state == "running" and runs["b"].final)
    until(other, lambda runs: runs["d"].state == "running")
    assert cancel(out, Console()) == 0
    assert "cancelled: 2 of 2 runs" in capsys.readouterr().out
    found = until(out, lambda runs: all(run.final for run in runs.values()))
    assert {name: run.state for name, run in found.items()} == {
        "a": "cancelled", "b": "done", "c": "cancelled",
    }  # fmt: skip
    assert found["a"].reason.startswith("cancelled by ")
    assert until(other, lambda runs: True)["d"].state == "running"
    assert cancel(out, Console()) == 0
    assert "nothing to cancel" in capsys.readouterr().out
    assert cancel(other, Console()) == 0


def test_accounting_tells_who_cancelled(cluster: Any, out: Path) -> None:
    (run,) = submit(cluster, out, {"a": BODIES["running"]})
    until(out, lambda runs: runs["a"].state == "running")
    cluster.run("scancel", "--name", f"{run.name}.sbatch")
    found = until(out, lambda runs: runs["a"].final and "accounting" not in runs["a"].reason)
    assert found["a"].state == "cancelled"
    assert found["a"].reason.startswith("cancelled by ")


def test_without_accounting_the_rest_is_known(cluster_without_accounting: Any, out: Path) -> None:
    cluster = cluster_without_accounting
    (run,) = submit(cluster, out, {"a": BODIES["running"]})
    submit(cluster, out, {"b": BODIES["silent"]})
    until(out, lambda runs: runs["a"].state == "running")
    cluster.run("scancel", "--name", f"{run.name}.sbatch")
    found = until(out, lambda runs: runs["a"].final and runs["b"].final)
    assert found["a"].reason == "cancelled; by whom is known to accounting only"
    assert found["b"].reason.startswith("exit code 7")
    assert "accounting" in survey([run]).note


def test_a_node_that_does_not_see_the_folder_is_named(cluster: Any, out: Path) -> None:
    if not cluster.isolated:
        pytest.skip("nodes that are bare processes see what the machine sees")
    cluster.hide("node2", out)
    try:
        # The folder itself must be there on the node; what lies in it is not.
        submit(cluster, out, {"a": BODIES["done"]}, "--nodelist=node2", "--chdir=/")
        found = until(out, lambda runs: runs["a"].final)
    finally:
        cluster.crash("node2")
        cluster.revive("node2")
    assert found["a"].state == "failed"
    assert "before it wrote anything: node2 probably does not see" in found["a"].reason


def test_a_lost_node(cluster: Any, out: Path) -> None:
    if not cluster.isolated:
        pytest.skip("only an isolated node can be killed with all that runs on it")
    submit(cluster, out, {"stays": BODIES["running"]}, "--nodelist=node1", "--no-requeue")
    submit(cluster, out, {"again": BODIES["running"]}, "--nodelist=node1", "--requeue")
    until(out, lambda runs: all(run.state == "running" for run in runs.values()))
    cluster.crash("node1")
    try:
        found = until(
            out,
            lambda runs: runs["stays"].final and runs["again"].state == "interrupted",
        )
    finally:
        cluster.revive("node1")
    assert found["stays"].reason == "node lost, and not requeued (node1)"
    assert found["again"].reason.startswith("node lost, or the job killed without notice (on node1")
    assert not found["again"].final
    assert cancel(out, Console()) == 0


def test_waiting_ends_with_the_runs(
    cluster: Any, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(cluster, out, {"a": f"sleep 3; {BODIES['done']}", "b": BODIES["done"]})
    assert wait(out, Console(), poll_s=0.2) == 0
    submit(cluster, out, {"c": BODIES["raised"]})
    assert wait(out, Console(), poll_s=0.2) == 1
    assert "ValueError: no answer" in capsys.readouterr().out


def test_a_job_that_slurm_never_had(cluster: Any, out: Path) -> None:
    (run,) = submit(cluster, out, {"a": "exit 0"}, "--hold")
    cluster.run("scancel", "--name", f"{run.name}.sbatch")
    assert ask({"999999999_0"}).rows == {}
    status = {"state": "running", "updated_at": stamp(time.time())}
    make_run(run, status, ["999999999_0"])
    (found,) = survey([run]).runs
    assert found.state == "lost" and "again=true continues it" in found.reason
