"""Runs as child processes: the printed command in another folder, metrics, failures, leftovers."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.gpu.children import Child, end_processes, log_end, processes_of
from bench.gpu.runs import RunOutcome, assigned, bare_run, bare_text, step_metrics
from harness.errors import RepriseError

PRINTED = """env \\
  VERL_USE_EXTERNAL_MODULES=harness.verl.plugins \\
  VERL_FILE_LOGGER_PATH={run}/logs/attempt_1/metrics.jsonl \\
  PYTHONPATH=/project \\
  python -m verl.trainer.main_ppo \\
  data.train_files={run}/data/train.parquet \\
  trainer.total_training_steps=24 \\
  'trainer.logger=[console,file]'
"""
LINE = {"step": 1, "data": {"timing_s/step": 2.0, "note": "text"}}


def test_the_command_moves_to_another_folder_and_keeps_everything_else() -> None:
    text = PRINTED.format(run="/runs/a")
    assert bare_text(text, "/runs/a", "/runs/b", {}, None) == PRINTED.format(run="/runs/b")
    moved = bare_text(text, "/runs/a", "/runs/b", {"PYTHONPATH": "/a b"}, 4)
    assert "total_training_steps=4 \\" in moved
    own, added = moved.index("PYTHONPATH=/project"), moved.index("PYTHONPATH='/a b'")
    assert own < added < moved.index("python -m")


def test_values_are_read_from_a_printed_command() -> None:
    text = PRINTED.format(run="'/runs/a b'")
    assert assigned(text, "VERL_USE_EXTERNAL_MODULES") == "harness.verl.plugins"
    assert assigned(text, "VERL_FILE_LOGGER_PATH") == "/runs/a b/logs/attempt_1/metrics.jsonl"
    assert assigned(text, "ABSENT") == ""


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A finished run whose command writes one step of metrics, its words and its environment."""
    run = tmp_path / "run"
    (run / "train").mkdir(parents=True)
    (run / "data").mkdir()
    (run / "data" / "train.parquet").write_text("rows")
    (run / "run.json").write_text("{}")
    (tmp_path / "verl" / "trainer").mkdir(parents=True)
    for folder in ("verl", "verl/trainer"):
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "verl" / "trainer" / "main_ppo.py").write_text(
        "import os, sys\n"
        f"open(os.environ['VERL_FILE_LOGGER_PATH'], 'w').write({json.dumps(LINE)!r} + '\\n')\n"
        "print(*sys.argv[1:], os.environ.get('MARK'), open(sys.argv[1].split('=')[1]).read())\n"
        "sys.exit(int(os.environ.get('CODE', '0')))\n"
    )
    text = PRINTED.format(run=run).replace("/project", shlex.quote(str(tmp_path)))
    (run / "train" / "command.txt").write_text(text)
    return run


def test_a_bare_run_has_data_of_its_own_and_tells_its_start_up(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    outcome = bare_run(run_dir, tmp_path / "bare", {"MARK": "seen"}, steps=4)
    log = outcome.log.read_text()
    assert f"data.train_files={tmp_path}/bare/data/train.parquet" in log and "seen rows" in log
    assert step_metrics(outcome.metrics) == [{"step": 1, "timing_s/step": 2.0}]
    assert list(outcome.step_ends) == [1]
    found = outcome.seconds_to_first_step
    assert found == outcome.step_ends[1] - 2.0 - outcome.started_at
    assert not (outcome.run_dir / "checkpoints").exists()
    with pytest.raises(RepriseError, match="fresh folder"):
        bare_run(run_dir, tmp_path / "bare")


def test_a_failed_bare_run_shows_the_end_of_its_log(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(RepriseError, match=r"exit code 3[^$]*trainer\.logger"):
        bare_run(run_dir, tmp_path / "bare", {"CODE": "3"})


def test_a_run_without_steps_has_no_start_up(tmp_path: Path) -> None:
    outcome = RunOutcome(
        run_dir=tmp_path, log=tmp_path / "log", metrics=tmp_path / "none", started_at=0.0,
        seconds=1.0, step_ends={},
    )  # fmt: skip
    assert outcome.seconds_to_first_step is None and step_metrics(outcome.metrics) == []


def test_a_child_is_stopped_once_there_is_enough(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(300)"]
    child = Child(words, os.environ, tmp_path / "log", label="child")
    child.watch(lambda: None, lambda: "up" in (tmp_path / "log").read_text())
    assert child.stopped and child.seconds < 60


def test_the_last_traceback_comes_before_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    trace = "Traceback (most recent call last):\n  File 'a'\nValueError: bad shape\n"
    log.write_text(trace + "noise\n" * 50)
    text = log_end(log)
    assert text.index("bad shape") < text.index("noise") and str(log) in text


def test_what_names_the_folder_in_its_environment_is_ended(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(300)"]
    named = {**os.environ, "REPRISE_RUN_FILE": str(tmp_path / "run.json")}
    left = subprocess.Popen(words, env=named, stdout=subprocess.PIPE, start_new_session=True)
    other = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        for child in (left, other):
            assert child.stdout and child.stdout.readline()
        assert processes_of(tmp_path) == [left.pid]
        end_processes(tmp_path)
        assert left.wait(timeout=30) != 0 and other.poll() is None
    finally:
        for child in (left, other):
            child.kill()
            child.wait()
            assert child.stdout
            child.stdout.close()


def test_started_at_is_a_time_of_day(run_dir: Path, tmp_path: Path) -> None:
    before = time.time()
    outcome = bare_run(run_dir, tmp_path / "bare")
    assert before <= outcome.started_at <= before + outcome.seconds + 60
