"""Which runs a folder means, and how they stand with one question to SLURM."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.submit.states import run_folders, states, survey
from tests.submit.making import NOW, Tools, make_run, squeue_line, write


def test_the_runs_below_an_output_root(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "b"), make_run(tmp_path / "deeper/a")
    make_run(first / "stages/8k")
    make_run(tmp_path / "code/1234/outputs/x")
    make_run(tmp_path / "submissions/1/x")
    assert run_folders(tmp_path) == [first, second]


def test_a_run_is_itself(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    assert run_folders(run) == [run]


def test_the_runs_of_a_submission_in_its_order(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name) for name in ("c", "a", "b")]
    groups = [{"runs": [str(runs[0]), str(runs[1])]}, {"runs": [str(runs[0]), str(runs[2])]}]
    write(tmp_path / "submissions/1/submission.json", {"groups": groups})
    assert run_folders(tmp_path / "submissions/1") == [runs[0], runs[1], runs[2]]


@pytest.mark.parametrize("content", ["{", "[]", '{"groups": [{}]}', '{"groups": 3}'])
def test_a_damaged_submission_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "submission.json").write_text(content)
    with pytest.raises(ConfigError, match=r"submission\.json is damaged"):
        run_folders(tmp_path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no runs: give the directory of a run"):
        run_folders(tmp_path)
    with pytest.raises(ConfigError, match="is not there"):
        run_folders(tmp_path / "nowhere")


def test_many_runs_and_one_question(tmp_path: Path, tools: Tools) -> None:
    runs = [make_run(tmp_path / "out" / f"r{i}", {"state": "queued"}, [f"7_{i}"]) for i in range(5)]
    runs.append(make_run(tmp_path / "out/done", {"state": "done"}, ["8_0"]))
    runs.append(make_run(tmp_path / "out/local", {"state": "failed", "reason": "X: y"}))
    tools.make("squeue", "\n".join(squeue_line(f"7_{i}", "PENDING") for i in range(5)))
    found = states(runs)
    assert [run.state for run in found] == ["queued"] * 5 + ["done", "failed"]
    (call,) = tools.calls("squeue")
    assert "--jobs=7 " in f"{call} "


def test_runs_that_ended_need_no_slurm(tmp_path: Path, tools: Tools) -> None:
    tools.make("squeue", errors="down", code=1)
    old = {"submitted_at": NOW - 9000}
    runs = [
        make_run(tmp_path / "a", {"state": "done"}, ["7_0"], **old),
        make_run(tmp_path / "b", {"state": "failed", "updated_at": "2026-01-01T00:00:00+0000"}),
    ]
    assert [run.state for run in states(runs)] == ["done", "failed"]
    assert tools.calls("squeue") == []


def test_a_run_that_ends_between_the_two_looks_is_done(tmp_path: Path, tools: Tools) -> None:
    run = make_run(tmp_path / "a", {"state": "running"}, ["7_0"])
    done = '{"state": "done", "updated_at": "2099-01-01T00:00:00+0000"}'
    line = squeue_line("7_0", "COMPLETED")
    tools.script("squeue", f"echo '{done}' >{run}/status.json; echo '{line}'")
    (found,) = states([run])
    assert (found.state, found.final) == ("done", True)


def test_the_batch_scripts_words_explain_a_run_that_wrote_nothing(
    tmp_path: Path, tools: Tools
) -> None:
    run = make_run(tmp_path / "a", {"state": "queued"}, ["7_0"])
    log = tmp_path / "submissions/1/logs/7_0.log"
    log.parent.mkdir(parents=True)
    log.write_text("module: command not found\n")
    tools.make("squeue", squeue_line("7_0", "FAILED", code=127 << 8))
    (found,) = states([run])
    assert found.reason.startswith("exit code 127; last line: module: command not found")
    assert str(log) in found.reason


def test_without_accounting_a_lost_run_is_told_with_a_note(tmp_path: Path, tools: Tools) -> None:
    run = make_run(tmp_path / "a", {"state": "running"}, ["7_0"])
    found = survey([run])
    assert found.runs[0].state == "lost"
    assert "again=true" in found.runs[0].reason
    assert "accounting storage is disabled" in found.note


def test_a_damaged_run_is_that_runs_problem(tmp_path: Path, tools: Tools) -> None:
    good = make_run(tmp_path / "a", {"state": "done"})
    bad = make_run(tmp_path / "b")
    (bad / "status.json").write_text("\0\0")
    first, second = states([good, bad])
    assert (first.state, second.state) == ("done", "lost")
    assert "status.json cannot be read" in second.reason
