"""The run directory: identity, exclusive hold, refusals, attempts, the event log."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import RunDirError
from harness.rundir import RunDir, identity, read_events, record, run_name, run_path
from harness.submit.submission import wanted
from tests.composing import spec_of


def test_identity_follows_what_changes_the_result() -> None:
    base = identity(spec_of("+repro=tinyzero"))
    assert base == identity(spec_of("+repro=tinyzero", "output_root=elsewhere", "tracking=wandb"))
    assert base == identity(spec_of("+repro=tinyzero", "eval=held_out_greedy"))
    for change in ("seed=2", "algorithm.optimizer.lr=1e-3", "schedule.steps=7", "algorithm=grpo"):
        assert identity(spec_of("+repro=tinyzero", change)) != base, change


def test_attempts_are_numbered(tmp_path: Path) -> None:
    spec = spec_of("+repro=tinyzero")
    run = RunDir(tmp_path / run_name(spec))
    for attempt in (1, 2):
        with run.hold(record(spec)):
            assert run.attempt == attempt
            run.event("run_started")
    assert [event["attempt"] for event in run.events()] == [1, 2]


def test_another_run_in_the_directory_is_refused_with_the_differences(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    with run.hold(record(spec_of("+repro=tinyzero"))):
        pass
    other = spec_of("+repro=tinyzero", "seed=9", "algorithm.gamma=0.5")
    difference = r"algorithm\.gamma: 1\.0 there, 0\.5 here"
    with pytest.raises(RunDirError, match=difference) as caught, run.hold(record(other)):
        pass
    assert "seed: 1 there, 9 here" in str(caught.value)
    assert json.loads((run.path / "run.json").read_text())["spec"]["seed"] == 1


def test_two_processes_cannot_hold_one_run(tmp_path: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from harness.rundir import RunDir, record;"
        "from tests.composing import spec_of\n"
        "with RunDir(Path(sys.argv[1])).hold(record(spec_of('+repro=tinyzero'))):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[1]
    child = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "run")],
        cwd=root, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    try:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        hold = RunDir(tmp_path / "run").hold(record(spec_of("+repro=tinyzero")))
        with pytest.raises(RunDirError, match=rf"held by process {child.pid} on"), hold:
            pass
    finally:
        child.kill()
        child.wait()
    time.sleep(0.1)
    with RunDir(tmp_path / "run").hold(record(spec_of("+repro=tinyzero"))):
        pass


def test_unwritable_place_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    hold = RunDir(blocked / "run").hold(record(spec_of("+repro=tinyzero")))
    with pytest.raises(RunDirError, match="cannot write to"), hold:
        pass


def test_event_cut_by_a_kill_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_text('{"kind": "a"}\n{"kind": "b')
    assert read_events(log) == [{"kind": "a"}]


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{")
    hold = RunDir(tmp_path / "run").hold(record(spec_of("+repro=tinyzero")))
    with pytest.raises(RunDirError, match=r"run\.json is damaged"), hold:
        pass


def test_what_a_killed_writer_left_is_removed_by_the_next_attempt(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    (run.path / "data").mkdir(parents=True)
    (run.path / "data" / ".manifest.json.abc.partial").write_text("{")
    with run.hold(record(spec_of("+repro=tinyzero"))):
        assert not list(run.path.rglob("*.partial"))


def test_a_run_lies_in_one_place_wherever_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/shared/me")
    here = spec_of("+repro=tinyzero", "output_root='~/runs'")
    on_slurm = spec_of("+repro=tinyzero", "output_root='~/runs'", "launch=slurm")
    assert run_path(here) == Path("/shared/me/runs") / run_name(here)
    (submitted,) = wanted([(on_slurm, [])])
    assert submitted.directory.path == Path("/shared/me/runs") / run_name(on_slurm)
