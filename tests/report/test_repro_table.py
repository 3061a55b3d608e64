"""The table of reproductions: the committed one is what the command makes; evidence counts only
for the recipe as it is now."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from evals import run as evals_run
from evals.scores import Scores
from harness.explain import options
from harness.report import repro_table
from harness.report.repro_table import (
    COLUMNS,
    NOT_RUN,
    TABLE,
    TableRow,
    computed,
    main,
    miniature,
    rendered,
    with_evidence,
)  # fmt: skip
from harness.rundir import run_name
from tests.evals.measuring import FakeChildren, measured, measurement

ROW = TableRow(
    recipe="tinyzero", composes="yes", emits="1 keys", fidelity="1 / 0 / 0 / 0", golden="1/1"
)


def committed() -> dict[str, list[str]]:
    """Recipe -> its cells in docs/reproductions.md."""
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    assert tuple(cells[0]) == COLUMNS
    return {row[0]: row for row in cells[2:]}


def test_the_committed_table_has_every_recipe() -> None:
    assert list(committed()) == options("repro")


@pytest.mark.parametrize("name", options("repro"))
def test_the_committed_row_is_what_the_command_gives(name: str) -> None:
    row, cells = computed(name), committed()[name]
    assert [row.composes, row.emits, row.fidelity] == cells[1:4]
    assert cells[4].startswith(row.golden)


def run_folder(folder: Path, name: str = "tinyzero", state: str = "done") -> Path:
    """A run directory of the recipe's miniature, as far as the table reads it."""
    run = folder / run_name(miniature(name))
    (run / "evaluation" / "toy").mkdir(parents=True)
    (run / "status.json").write_text(json.dumps({"state": state}))
    return run


@pytest.fixture
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scores:
    """What an evaluation of the toy set leaves."""
    monkeypatch.setattr(evals_run, "generate_all", FakeChildren(lambda *_: "1"))
    return measured(tmp_path / "toy", measurement())


def with_checks(scores: Scores, *, passed: bool) -> str:
    checks = [
        check.model_copy(update={"passed": passed, "spoils": True}) for check in scores.checks
    ]
    assert checks
    return scores.model_copy(update={"checks": checks}).model_dump_json()


def evidence(*folders: Path) -> tuple[str, str]:
    row = with_evidence(ROW, folders)
    return row.runs, row.evaluated


def test_without_a_run_nothing_is_claimed(tmp_path: Path) -> None:
    assert evidence(tmp_path) == (NOT_RUN, NOT_RUN)
    (tmp_path / "tinyzero-tiny_countdown-ppo-tinyzero-cpu-s1-00000000").mkdir()
    assert evidence(tmp_path) == (NOT_RUN, NOT_RUN)


def test_a_done_run_counts_and_its_scores_must_be_valid(tmp_path: Path, scores: Scores) -> None:
    run = run_folder(tmp_path / "a")
    assert evidence(tmp_path / "a") == ("yes", NOT_RUN)
    path = run / "evaluation" / "toy" / "scores.json"
    path.write_text(with_checks(scores, passed=True))
    assert evidence(tmp_path / "empty", tmp_path / "a") == ("yes", "yes")
    path.write_text(with_checks(scores, passed=False))
    assert evidence(tmp_path / "a") == ("yes", "invalid: toy")
    path.write_text("{")
    assert evidence(tmp_path / "a") == ("yes", "evaluation/toy/scores.json unreadable")


def test_a_failed_run_and_a_damaged_status_are_told(tmp_path: Path) -> None:
    run = run_folder(tmp_path, state="failed")
    assert evidence(tmp_path)[0] == "failed"
    (run / "status.json").write_text("{")
    assert evidence(tmp_path)[0] == "status unreadable"


def test_the_newest_of_several_runs_counts(tmp_path: Path) -> None:
    old, new = run_folder(tmp_path / "old", state="failed"), run_folder(tmp_path / "new")
    os.utime(old / "status.json", (1, 1))
    assert evidence(tmp_path / "new", tmp_path / "old")[0] == "yes"
    os.utime(new / "status.json", (0, 0))
    assert evidence(tmp_path / "new", tmp_path / "old")[0] == "failed"


def test_a_recipe_that_does_not_compose_says_why() -> None:
    row = computed("nowhere")
    assert row.composes.startswith("no: ") and "nowhere" in row.composes
    assert with_evidence(row, []).runs == NOT_RUN


def test_the_command_writes_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(repro_table, "options", lambda group: ["tinyzero"])
    monkeypatch.setattr(repro_table, "computed", lambda name: replace(ROW, golden="1|1"))
    run_folder(tmp_path / "runs")
    output = tmp_path / "table.md"
    assert main(["--runs", str(tmp_path / "runs"), "--output", str(output)]) == 0
    assert "1 recipes" in capsys.readouterr().out
    last = output.read_text().splitlines()[-1]
    assert last == r"| tinyzero | yes | 1 keys | 1 / 0 / 0 / 0 | 1\|1 | yes | not run |"
    assert rendered([ROW]).count("\n| ") == 3
