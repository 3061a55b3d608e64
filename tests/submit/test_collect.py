"""Results of all runs in one table and two files; one damaged run spoils nothing else."""

import csv
import json
from pathlib import Path

import pytest

from evals import run as evals_run
from evals.scores import Scores
from harness.console import Console
from harness.errors import SubmitError
from harness.submit import collect as module
from harness.submit.collect import collect
from tests.evals.measuring import FakeChildren, improving, measured, measurement
from tests.submit.making import Tools, make_run, squeue_line, write

AT = "evaluation/held_out-12345678"


@pytest.fixture
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scores:
    """Of base and trained, by the real code, on made-up responses."""
    monkeypatch.setattr(evals_run, "generate_all", FakeChildren(improving))
    return measured(tmp_path / "measured", measurement())


def finished(folder: Path, scores: Scores) -> Path:
    run = make_run(folder, {"state": "done"})
    path = run / AT / scores.benchmark / "scores.json"
    path.parent.mkdir(parents=True)
    path.write_text(scores.model_dump_json())
    claim = {"percent": 43.1, "word": "below"}
    said = {"benchmark": scores.benchmark, "label": "trained", "claims": [claim]}
    write(run / AT / "statement.json", {"statements": [said]})
    return run


def test_scores_with_intervals_and_verdicts(
    tmp_path: Path, scores: Scores, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    finished(out / "a", scores)
    finished(out / "b", scores)
    assert collect(out, Console()) == 0
    printed = capsys.readouterr().out
    assert "2 done; written" in printed and "43.1: below" in printed
    content = json.loads((out / "results.json").read_text())
    base, trained = content["runs"][0]["scores"]
    expected = scores.models[1].accuracy
    assert (trained["accuracy"], trained["low"], trained["high"]) == (
        expected.value, expected.low, expected.high,
    )  # fmt: skip
    assert scores.difference is not None and scores.difference.paired.value > 0
    assert trained["change"] == scores.difference.paired.value
    assert trained["claim_verdict"] == "below" and trained["valid"]
    assert "change" not in base and "claim_verdict" not in base
    rows = list(csv.DictReader((out / "results.csv").open()))
    assert [(row["run"], row["model"]) for row in rows] == [
        ("a", "base"), ("a", "trained"), ("b", "base"), ("b", "trained"),
    ]  # fmt: skip
    assert float(rows[1]["accuracy"]) == expected.value


def test_failed_runs_are_there_with_their_reason(
    tmp_path: Path, scores: Scores, tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    finished(out / "good", scores)
    make_run(out / "bad", {"state": "failed", "reason": "ValueError: x"})
    make_run(out / "slow", {"state": "running"}, ["7_0"])
    tools.make("squeue", squeue_line("7_0", "RUNNING"))
    assert collect(out, Console()) == 1
    printed = capsys.readouterr().out
    assert "bad is failed: ValueError: x" in printed and "slow is running" in printed
    rows = {row["run"]: row for row in csv.DictReader((out / "results.csv").open())}
    assert (rows["bad"]["state"], rows["bad"]["reason"]) == ("failed", "ValueError: x")
    assert rows["bad"]["accuracy"] == "" and rows["good"]["accuracy"] != ""


def test_a_damaged_file_is_its_runs_problem_alone(
    tmp_path: Path, scores: Scores, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    finished(out / "a", scores)
    bad = finished(out / "b", scores)
    (bad / AT / scores.benchmark / "scores.json").write_text('{"benchmark": ')
    worse = finished(out / "c", scores)
    (worse / AT / "statement.json").write_text("[")
    assert collect(out, Console()) == 1
    assert "scores.json cannot be read" in capsys.readouterr().out
    found = {run["run"]: run for run in json.loads((out / "results.json").read_text())["runs"]}
    assert len(found["a"]["scores"]) == 2 and found["b"]["scores"] == []
    assert len(found["c"]["scores"]) == 2 and "statement.json" in found["c"]["problems"][0]


@pytest.mark.parametrize("statements", [3, [7], [{"claims": 5}], [{"claims": ["x"]}], None])
def test_statements_of_another_shape_never_crash(
    tmp_path: Path, scores: Scores, statements: object
) -> None:
    run = finished(tmp_path / "out/a", scores)
    write(run / AT / "statement.json", {"statements": statements})
    assert collect(tmp_path / "out", Console()) == 0


def test_an_invalid_score_is_not_shown_as_a_number(
    tmp_path: Path, scores: Scores, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = scores.checks[0].model_copy(update={"passed": False, "spoils": True})
    finished(tmp_path / "out/a", scores.model_copy(update={"checks": [broken]}))
    collect(tmp_path / "out", Console())
    assert capsys.readouterr().out.count("INVALID") == 2
    assert '"valid": false' in (tmp_path / "out/results.json").read_text()


def test_the_files_of_a_submission_go_to_its_folder(tmp_path: Path, scores: Scores) -> None:
    run = finished(tmp_path / "out/a", scores)
    submission = tmp_path / "out/submissions/1"
    write(submission / "submission.json", {"groups": [{"runs": [str(run)]}]})
    assert collect(submission, Console()) == 0
    assert (submission / "results.csv").exists() and not (tmp_path / "out/results.csv").exists()


def test_a_full_disk_is_told(
    tmp_path: Path, scores: Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(tmp_path / "out/a", scores)

    def full(path: Path, content: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_json", full)
    with pytest.raises(SubmitError, match="No space left"):
        collect(tmp_path / "out", Console())
