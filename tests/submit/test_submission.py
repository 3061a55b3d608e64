"""Submissions through a stand-in for sbatch: calls, files, and what a refusal leaves behind."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.console import Console
from harness.errors import RunDirError, SubmitError
from harness.rundir import RunDir, read_status
from harness.spec import RunSpec
from harness.submit import freeze, sbatch, submission
from harness.submit.snapshot import Code
from harness.submit.submission import (
    below_one_root,
    dry_run,
    one_at_a_time,
    submit,
    wanted,
)
from tests.submit.stub import Stubs, slurm_run, with_launch

Json = dict[str, Any]
ENVIRONMENT = "numpy==2.0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def stubs(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Stubs:
    """SLURM's commands, and a snapshot that costs nothing."""
    found = Stubs(tmp_path / "bin", monkeypatch)
    found.slurm()
    code = Code(folder=root / "code" / "0123", tree="0123abc", commit="c0ffee", dirty=True)
    monkeypatch.setattr(submission, "snapshot", lambda parent: code)
    monkeypatch.setattr(freeze, "environment_text", lambda: ENVIRONMENT)
    return found


def four_runs(root: Path) -> list[RunSpec]:
    """Two kinds of resources, alternating."""
    return [
        with_launch(slurm_run(root, seed=seed), mem_gb_per_gpu=memory)
        for seed in (1, 2)
        for memory in (4, 8)
        for seed in (10 * seed + memory,)
    ]


def submitted(runs: Sequence[RunSpec]) -> Path:
    return submit(wanted([(run, ["seed=1"]) for run in runs]), Console())


def read(path: Path) -> Json:
    content: Json = json.loads(path.read_text())
    return content


def only_submission(root: Path) -> Json:
    (folder,) = (root / "submissions").iterdir()
    return read(folder / "submission.json")


def test_one_call_of_sbatch_for_each_set_of_resources(stubs: Stubs, root: Path) -> None:
    folder = submitted(four_runs(root))
    assert folder.parent == root / "submissions"
    assert stubs.calls("sbatch") == [[str(folder / "1.sbatch")], [str(folder / "2.sbatch")]]
    assert len(stubs.calls("scontrol")) == 1 and stubs.calls("sinfo") == []
    record = read(folder / "submission.json")
    assert {group["name"]: group["job_id"] for group in record["groups"]} == {
        "1": "101",
        "2": "102",
    }
    assert [len(group["runs"]) for group in record["groups"]] == [2, 2]
    assert "--array=0-1%2" in (folder / "1.sbatch").read_text()


def test_what_lies_on_disk_afterwards(
    stubs: Stubs, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = wanted([(spec, [f"seed={spec.seed}"]) for spec in four_runs(root)])
    folder = submit(runs, Console())
    record = read(folder / "submission.json")
    assert record["id"] == folder.name
    assert record["code"] == {
        "folder": str(root / "code" / "0123"), "commit": "c0ffee", "dirty": True, "tree": "0123abc",
    }  # fmt: skip
    assert (folder / record["environment"]).read_text() == ENVIRONMENT
    assert (folder / "logs").is_dir()
    second = record["groups"][1]
    assert (second["part"], second["depends_on"], second["error"]) == ("all", None, None)
    assert second["shape"]["mem_gb_per_node"] == 8 * runs[1].spec.hardware.gpus_per_node
    assert second["runs"] == [str(runs[1].directory.path), str(runs[3].directory.path)]
    assert (folder / "2.runs").read_text().splitlines() == second["runs"]
    last = runs[3].directory.path
    own = read(last / "submit.json")
    assert (own["submission"], own["jobs"]) == (
        str(folder), [{"job_id": "102", "index": 1, "part": "all"}],
    )  # fmt: skip
    assert read_status(last)["state"] == "queued"
    assert read(last / "run.json")["spec"]["launch"]["mem_gb_per_gpu"] == 8
    assert record["overrides"][str(last)] == [f"seed={runs[3].spec.seed}"]
    said = capsys.readouterr().out
    assert "101" in said and "102" in said and "with uncommitted changes" in said
    assert f"action=status runs={folder}" in said


def test_arrays_are_cut_at_the_clusters_limit(stubs: Stubs, root: Path) -> None:
    stubs.slurm(max_array_size=2)
    folder = submitted([slurm_run(root, seed=seed) for seed in range(1, 6)])
    assert len(stubs.calls("sbatch")) == 3
    assert (folder / "3.runs").read_text().count("\n") == 1


def test_split_is_two_arrays_and_both_jobs_are_the_runs(stubs: Stubs, root: Path) -> None:
    spec = with_launch(slurm_run(root), split=True)
    folder = submitted([spec])
    assert stubs.calls("sbatch") == [
        [str(folder / "1-train.sbatch")], [str(folder / "1-evaluate.sbatch")],
    ]  # fmt: skip
    assert "--dependency=aftercorr:101" in (folder / "1-evaluate.sbatch").read_text()
    train, evaluate = read(folder / "submission.json")["groups"]
    assert (train["depends_on"], evaluate["depends_on"]) == (None, "101")
    (run,) = train["runs"]
    assert read(Path(run) / "submit.json")["jobs"] == [
        {"job_id": "101", "index": 0, "part": "train"},
        {"job_id": "102", "index": 0, "part": "evaluate"},
    ]


@pytest.mark.parametrize("body", ["echo 'no such thing'", "exit 1", "exec sleep 60"])
def test_nothing_is_half_submitted_when_the_first_array_is_refused(
    stubs: Stubs, root: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(sbatch, "TIMEOUT_S", 0.2)
    stubs.add("sbatch", body)
    runs = four_runs(root)
    with pytest.raises(SubmitError, match="nothing was submitted before that"):
        submitted(runs)
    assert len(stubs.calls("sbatch")) == 1
    (group,) = only_submission(root)["groups"]
    assert group["job_id"] is None and "sbatch" in group["error"]
    for run in map(Path, group["runs"]):
        status = read_status(run)
        assert (status["state"], status["cause"]) == ("failed", "not_submitted")
        assert not (run / "submit.json").exists()


def test_a_refused_second_array_names_the_first_and_how_to_cancel_it(
    stubs: Stubs, root: Path
) -> None:
    (stubs.folder / "refuse_2").write_text("Invalid generic resource (gres) specification")
    with pytest.raises(SubmitError) as refused:
        submitted(four_runs(root))
    for said in ("2 runs as job(s) 101", "`scancel 101`", "launch.gres", "2.sbatch"):
        assert said in str(refused.value)
    first, second = only_submission(root)["groups"]
    assert (first["job_id"], second["job_id"]) == ("101", None)
    assert "gres" in second["error"]
    assert {read_status(Path(run))["state"] for run in first["runs"]} == {"queued"}
    assert all((Path(run) / "submit.json").exists() for run in first["runs"])
    for run in second["runs"]:
        status = read_status(Path(run))
        assert (status["state"], status["cause"]) == ("failed", "not_submitted")
        assert "gres" in status["reason"]


def test_a_refused_evaluation_leaves_the_training_and_says_so(stubs: Stubs, root: Path) -> None:
    (stubs.folder / "refuse_2").write_text("Invalid qos specification")
    with pytest.raises(SubmitError, match=r"(?s)launch\.qos.*1 runs as job\(s\) 101.*scancel 101"):
        submitted([with_launch(slurm_run(root), split=True)])
    train, evaluate = only_submission(root)["groups"]
    assert (train["job_id"], evaluate["job_id"]) == ("101", None)
    (run,) = map(Path, train["runs"])
    assert read_status(run)["state"] == "queued"
    assert [job["part"] for job in read(run / "submit.json")["jobs"]] == ["train"]


def test_ctrl_c_while_slurm_is_asked_loses_no_job(
    stubs: Stubs, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.add("sbatch", f"kill -INT {os.getpid()}; sleep 0.1; echo Submitted batch job 101")
    with pytest.raises(KeyboardInterrupt):
        submitted(four_runs(root))
    assert len(stubs.calls("sbatch")) == 1
    (first,) = only_submission(root)["groups"]
    assert first["job_id"] == "101"
    assert all((Path(run) / "submit.json").exists() for run in first["runs"])
    assert "stopped; submitted before that, and still there: 2 runs" in capsys.readouterr().out


def test_a_held_run_is_refused_before_anything_is_written(stubs: Stubs, root: Path) -> None:
    runs = four_runs(root)
    directory = wanted([(runs[2], [])])[0].directory
    directory.path.mkdir(parents=True)
    with (directory.path / ".lock").open("a+") as lock:
        lock.write("process 7 on node1")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RunDirError, match=r"held by process 7 on node1"):
            submitted(runs)
    assert stubs.calls("sbatch") == [] and not (root / "submissions").exists()
    assert list(root.glob("*/run.json")) == []


def test_what_the_nodes_do_not_see_is_refused_before_anything_is_written(
    stubs: Stubs, root: Path
) -> None:
    with pytest.raises(SubmitError, match=r"shared_paths"):
        submitted([with_launch(slurm_run(root), shared_paths=["/nowhere"])])
    assert stubs.calls("sbatch") == [] and list(root.glob("*/run.json")) == []


def test_the_same_run_twice_is_one(root: Path) -> None:
    spec = slurm_run(root)
    (run,) = wanted([(spec, ["a"]), (spec, ["b"])])
    assert run.overrides == ("a",) and run.directory.path.parent == root
    relative = wanted([(slurm_run(Path("somewhere")), [])])[0]
    assert relative.spec.output_root == str(Path.cwd() / "somewhere")


def test_several_output_roots_are_refused(root: Path) -> None:
    runs = wanted([(slurm_run(root), []), (slurm_run(root / "b"), [])])
    assert below_one_root(runs[:1]) == root
    with pytest.raises(SubmitError, match=r"several output_root: .*out/b"):
        below_one_root(runs)


def at_the_same_time(work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_submissions_at_the_same_time_follow_one_another(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def work() -> None:
        with one_at_a_time(root, Console()):
            seen.append("in")
            time.sleep(0.1)
            seen.append("out")

    at_the_same_time(work)
    assert seen == ["in", "out", "in", "out"]
    assert capsys.readouterr().out.count("another submission") == 1


def test_an_output_root_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunDirError, match=r"cannot write to .*output_root="),
        one_at_a_time(tmp_path / "file" / "out", Console()),
    ):
        pass


def test_a_dry_run_prints_every_script_and_writes_nothing(
    stubs: Stubs, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.add("sbatch", "echo 'sbatch: Job 9 to start at noon' >&2")
    runs = [*four_runs(root), with_launch(slurm_run(root, seed=9), split=True)]
    assert dry_run(wanted([(run, []) for run in runs]), Console()) == 0
    said = capsys.readouterr().out
    assert said.count("#!/bin/bash") == said.count("Job 9 to start at noon") == 4
    assert "1-evaluate" not in said and "3-evaluate.runs" in said
    assert all(run.directory.path.name in said for run in wanted([(run, []) for run in runs]))
    assert {call[0] for call in stubs.calls("sbatch")} == {"--test-only"}
    assert not root.exists()


def test_a_dry_run_tells_what_slurm_would_refuse(
    stubs: Stubs, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.add("sbatch", "echo 'invalid partition specified: x' >&2; exit 1")
    assert dry_run(wanted([(slurm_run(root), [])]), Console()) == 1
    assert "set launch.partition to one of these" in capsys.readouterr().out


def test_a_dry_run_without_slurm(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert dry_run(wanted([(slurm_run(root), [])]), Console()) == 0
    assert "there is no sbatch on this machine" in capsys.readouterr().out


def test_a_directory_of_another_run_is_refused_and_nothing_is_submitted(
    stubs: Stubs, root: Path
) -> None:
    (run,) = wanted([(slurm_run(root), [])])
    directory = RunDir(run.directory.path)
    directory.path.mkdir(parents=True)
    (directory.path / "run.json").write_text('{"identity": "other", "spec": {"seed": 5}}')
    with pytest.raises(RunDirError, match="belongs to another run"):
        submit([run], Console())
    assert stubs.calls("sbatch") == []
