"""Real runs under launch=slurm on the development cluster: submitted, watched, harmed, gathered."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.faults import KINDS, SFT, SMALL_EVAL, Harm, wait_for
from harness.rundir import read_events
from harness.steps import effective_steps
from tests.slurm.conftest import Cluster

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[2]
SLURM = ("launch=slurm", "launch.profile=dev", SMALL_EVAL)
SHORT_SFT = (*SFT, *SLURM, "data.train_rows=64", "schedule.steps=2", "schedule.save_every=1")
TINYZERO = (
    "+repro=tinyzero", *SLURM, "algorithm.prompts_per_step=8", "algorithm.mini_batch_prompts=8",
    "data.train_rows=32", "data.test_rows=16", "schedule.steps=3", "schedule.save_every=1",
)  # fmt: skip


def run_py(root: Path, *words: str) -> tuple[int, str]:
    """Exit code and output of the command line; folded lines are joined."""
    done = subprocess.run(
        [sys.executable, "run.py", *words, f"output_root={root}"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
        env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    return done.returncode, done.stdout


def finish(root: Path, words: Sequence[str]) -> list[Path]:
    """Submits, waits until all is done, and returns the runs."""
    code, output = run_py(root, *words)
    assert code == 0, output
    code, output = run_py(root, "action=wait")
    assert code == 0, output + logs(root)
    return runs(root)


def runs(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("*/run.json"))


def logs(root: Path) -> str:
    """What the jobs printed, for a failing test."""
    files = [*root.glob("submissions/*/logs/*"), *root.glob("*/logs/slurm/*/job.log")]
    return "\n".join(f"--- {path}\n{path.read_text()[-3000:]}" for path in files)


def submissions(root: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in root.glob("submissions/*/submission.json")]


def phases(run: Path) -> dict[str, set[str]]:
    """Phase of the run's jobs -> the nodes that were in it."""
    found: dict[str, set[str]] = {}
    for path in run.glob("logs/slurm/*/phases.jsonl"):
        for line in path.read_text().splitlines():
            phase = json.loads(line)
            found.setdefault(phase["phase"], set()).add(phase["node"])
    return found


def check_done(run: Path, steps: int) -> None:
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "done", status
    assert list(effective_steps(read_events(run / "events.jsonl"))) == list(range(1, steps + 1))
    assert (run / "report.html").exists()


def test_tinyzero_is_submitted_once_watched_and_collected(cluster: Cluster, tmp_path: Path) -> None:
    code, output = run_py(tmp_path, *TINYZERO)
    assert code == 0 and "submitted, commit" in output, output
    code, output = run_py(tmp_path, *TINYZERO)
    assert code == 0 and "submitted, commit" not in output, "the same command submits nothing"
    assert len(submissions(tmp_path)) == 1
    code, output = run_py(tmp_path, "action=wait")
    assert code == 0, output + logs(tmp_path)
    (run,) = runs(tmp_path)
    check_done(run, 3)
    origin = json.loads((run / "provenance.json").read_text())
    assert origin["code"]["commit"] and origin["overrides"]
    assert "code/" in (run / "train" / "command.txt").read_text(), "it ran from the snapshot"
    code, output = run_py(tmp_path, "action=collect")
    assert code == 0 and (tmp_path / "results.json").exists(), output
    code, output = run_py(tmp_path, "action=status")
    assert code == 0 and "done" in output


def test_tinyzero_over_two_nodes(cluster: Cluster, tmp_path: Path) -> None:
    if not cluster.isolated:
        pytest.skip("Ray over several nodes needs nodes with addresses of their own")
    words = (*TINYZERO, "hardware.nodes=2")
    (run,) = finish(tmp_path, words)
    check_done(run, 3)
    wait_for(lambda: "script_ended" in phases(run), "the end of the job")
    assert {"head_up", "all_nodes_up", "driver_ended", "torn_down"} <= phases(run).keys()
    assert len(phases(run)["head_up"] | phases(run)["node_joined"]) == 2
    shards = list(run.glob("checkpoints/global_step_3/actor/model_world_size_2_rank_*.pt"))
    assert len(shards) == 2


def test_a_sweep_over_two_shapes_makes_two_arrays(cluster: Cluster, tmp_path: Path) -> None:
    found = finish(tmp_path, ("-m", *SHORT_SFT, "hardware.gpus_per_node=1,2", "seed=1,2"))
    assert len(found) == 4
    (submission,) = submissions(tmp_path)
    groups = submission["groups"]
    assert [group["shape"]["cpus_per_node"] for group in groups] == [2, 4]
    assert [len(group["runs"]) for group in groups] == [2, 2]
    for run in found:
        check_done(run, 2)


def test_one_run_with_two_sets_of_resources_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    code, output = run_py(tmp_path, "-m", *SHORT_SFT, "launch.time_min=5,6")
    assert code == 2 and "launch.time_min" in output, output
    assert not submissions(tmp_path)


def test_a_sweep_with_an_invalid_run_submits_nothing(cluster: Cluster, tmp_path: Path) -> None:
    code, output = run_py(tmp_path, "-m", *SHORT_SFT, "schedule.steps=2,zero")
    assert code == 2 and "schedule.steps" in output, output
    assert not submissions(tmp_path)


def test_training_and_evaluation_as_two_jobs(cluster: Cluster, tmp_path: Path) -> None:
    (run,) = finish(tmp_path, (*SHORT_SFT, "launch.split=true"))
    check_done(run, 2)
    (submission,) = submissions(tmp_path)
    assert [group["part"] for group in submission["groups"]] == ["train", "evaluate"]
    attempts = {event["attempt"] for event in read_events(run / "events.jsonl")}
    assert attempts == {1, 2}


def test_node_loss_preemption_and_time_limit(cluster: Cluster, tmp_path: Path) -> None:
    words = (*SFT, *SLURM, "data.train_rows=64", "schedule.steps=40", "schedule.save_every=1")
    code, output = run_py(tmp_path, *words)
    assert code == 0, output
    harm = Harm(cluster.folder, runs(tmp_path)[0])
    for kind in KINDS:
        harm.inject(kind)
    wait_for(lambda: harm.state().get("state") in ("done", "failed"), "the end")
    assert harm.problems(40) == []
    notices = [e["cause"] for e in harm.events() if e["kind"] == "ended"]
    assert notices == ["preemption", "time_limit"]


def test_a_run_that_gets_nowhere_is_given_up(cluster: Cluster, tmp_path: Path) -> None:
    words = (*SFT, *SLURM, "data.train_rows=64", "schedule.steps=400", "schedule.save_every=400")
    code, output = run_py(tmp_path, *words)
    assert code == 0, output
    harm = Harm(cluster.folder, runs(tmp_path)[0])
    for attempt in (1, 2):
        wait_for(lambda n=attempt: len(harm.train_starts()) == n, "the attempt")  # type: ignore[misc]
        wait_for(lambda: harm.last_step() > 0, "a step")
        cluster.run("scontrol", "requeue", harm.job())
    wait_for(lambda: harm.state().get("cause") == "no_progress", "giving up")
    code, output = run_py(tmp_path, "action=wait")
    assert code != 0 and "2 attempts in a row ended where they began" in output, output


def test_a_longer_notice_before_the_time_limit_loses_no_step(
    cluster: Cluster, tmp_path: Path
) -> None:
    words = (*TINYZERO, "schedule.steps=60", "schedule.save_every=60", "launch.notice_s=100")
    code, output = run_py(tmp_path, *words)
    assert code == 0, output
    harm = Harm(cluster.folder, runs(tmp_path)[0])
    wait_for(lambda: harm.last_step() > 0, "a step")
    cluster.run("scontrol", "update", f"JobId={harm.job()}", "TimeLimit=2")
    wait_for(lambda: harm.state().get("state") == "interrupted", "the notice")
    assert harm.state()["cause"] == "time_limit"
    assert harm.saved() == harm.last_step() < 60
    run_py(tmp_path, "action=cancel")
