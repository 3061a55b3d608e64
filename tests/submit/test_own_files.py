"""A run's folder is read whole or damaged, and only the end of its events."""

import os
import socket
from pathlib import Path

from harness.submit.own_files import job_words, read
from harness.submit.progress import TAIL_BYTES, progress, tail
from tests.submit.making import NOW, make_run, stamp, steps, write


def test_a_run_that_goes_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"state": "running", "stage": "train"}, ["7_0"])
    steps(run, 8)
    own = read(run)
    assert own.state == "running" and own.submitted and not own.damage
    assert (own.progress.step, own.progress.reward, own.progress.step_s) == (8, 0.5, 60.0)


def test_an_empty_folder_is_no_damage(tmp_path: Path) -> None:
    own = read(tmp_path)
    assert (own.state, own.damage, own.submitted, own.alive) == ("", "", False, False)


def test_damaged_files_are_told_and_count_as_empty(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", None, ["7_0"])
    (run / "status.json").write_text('{"state": "runn')
    write(run / "cancelled.json", ["a list"])
    own = read(run)
    assert own.state == "" and own.jobs[0].name == "7_0"
    assert "status.json cannot be read" in own.damage and "cancelled.json is damaged" in own.damage


def test_a_job_id_that_is_none_is_damage(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"state": "queued"})
    write(run / "submit.json", {"jobs": [{"job_id": "--all", "index": 0}], "submitted_at": ""})
    own = read(run)
    assert own.jobs == () and "submit.json is damaged" in own.damage


def test_wrong_types_never_crash(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"state": 5, "updated_at": [], "pid": "x", "attempt": "y"})
    write(run / "submit.json", {"jobs": 7, "submitted_at": 3})
    (run / "events.jsonl").write_text('{"kind": "step", "step": "x", "time": null}\n[]\n')
    assert "submit.json is damaged" in read(run).damage


def test_the_training_of_a_chain_that_goes_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"state": "running", "stage": "train 16k"})
    steps(run / "stages/8k", 3)
    steps(run / "stages/16k", 5)
    write(run / "stages/16k/status.json", {"state": "running", "step": 5, "steps": 9})
    own = read(run)
    assert (own.progress.step, own.leg["steps"]) == (5, 9)


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    steps(tmp_path, 5000)
    log = tmp_path / "events.jsonl"
    size = log.stat().st_size
    lines = tail(log)
    assert size > 4 * TAIL_BYTES >= 4 * sum(len(line) for line in lines)
    assert progress(lines).step == 5000


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    steps(tmp_path, 3)
    with (tmp_path / "events.jsonl").open("a") as log:
        log.write('{"kind": "step", "step": 4, "time"')
    assert progress(tail(tmp_path / "events.jsonl")).step == 3


def test_the_pace_is_of_one_attempt(tmp_path: Path) -> None:
    old = b'{"kind": "step", "attempt": 1, "step": 1, "time": 0, "metrics": {}}'
    new = b'{"kind": "step", "attempt": 2, "step": 2, "time": 9e9, "metrics": {"timing_s/step": 7}}'
    found = progress([old, new])
    assert (found.step, found.step_s, found.reward) == (2, 7.0, None)


def test_this_process_is_alive_and_its_successor_is_not(tmp_path: Path) -> None:
    me = {"state": "running", "pid": os.getpid(), "host": socket.gethostname()}
    assert read(make_run(tmp_path / "a", me)).alive
    old = me | {"updated_at": stamp(NOW - 90 * 86400)}
    assert not read(make_run(tmp_path / "b", old)).alive
    gone = me | {"pid": 2**22 + 1}
    assert not read(make_run(tmp_path / "c", gone)).alive
    assert not read(make_run(tmp_path / "d", me | {"host": "elsewhere"})).alive


def test_last_words_come_from_the_latest_start(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", None, ["7_0"])
    for restart, text in enumerate(["first\n", "second\nValueError: x\n\n"]):
        log = run / f"logs/slurm/7_0-{restart}/job.log"
        log.parent.mkdir(parents=True)
        log.write_text(text)
    assert job_words(read(run), "7_0") == ("ValueError: x", str(log))


def test_last_words_come_from_the_batch_script_where_the_run_said_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", None, ["7_3"])
    logs = tmp_path / "submissions/1/logs"
    logs.mkdir(parents=True)
    (logs / "7_30.log").write_text("another task\n")
    (logs / "7_3.log").write_text("bash: python: command not found\n")
    assert job_words(read(run), "7_3")[0] == "bash: python: command not found"


def test_the_exit_code_of_the_last_start(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"state": "failed"}, ["7_0"])
    for restart, code in enumerate(["1", "91"]):
        path = run / f"logs/slurm/7_0-{restart}/exit_code"
        path.parent.mkdir(parents=True)
        path.write_text(f"{code}\n")
    own = read(run)
    assert own.exit_code == 91 and own.resumable
