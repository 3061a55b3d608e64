"""action=report: a run, a submission, an output root; what is written anew and what is left."""

import json
import os
import time
from pathlib import Path

import pytest

from harness.actions import ACTIONS
from harness.console import Console
from harness.errors import ConfigError, RunDirError
from harness.report import action
from harness.report.action import is_stale, report
from tests.report.many import make_run, scores, spec_of, write

PAGES = [f"{name}.{end}" for name in ("sweep", "leaderboard") for end in ("html", "json", "md")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output root with a finished run, and one that was never started."""
    make_run(tmp_path / "a", spec_of(), measured=[scores()])
    make_run(tmp_path / "b", spec_of(seed=2), state="failed", reason="out of memory")
    return tmp_path


def aged(path: Path, seconds: float) -> None:
    """A file as if it had been written that long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_run_gets_its_page_and_nothing_else(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(root / "a", Console()) == 0
    assert "report.html" in capsys.readouterr().out
    assert (root / "a" / "report.html").is_file() and (root / "a" / "report.json").is_file()
    assert not (root / "b" / "report.html").exists()
    assert not any((root / name).exists() for name in PAGES)


def test_an_output_root_gets_all_pages(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(root, Console()) == 0
    printed = capsys.readouterr().out
    assert "pages of runs: 2 written, 0 newer" in printed
    assert "sweep.html" in printed and "leaderboard.html" in printed
    assert all((root / name).is_file() for name in PAGES)
    assert "out of memory" in (root / "sweep.html").read_text()
    assert "failed" in (root / "b" / "report.html").read_text()


def test_a_submission_gets_the_pages_of_its_runs(root: Path) -> None:
    make_run(root / "c", spec_of(seed=3))
    folder = root / "submissions" / "1"
    gone = root / "gone"
    write(folder / "submission.json", {"groups": [{"runs": [str(root / "a"), str(gone)]}]})
    assert report(folder, Console()) == 0
    rows = json.loads((folder / "sweep.json").read_text())["rows"]
    assert [row["run"] for row in rows] == ["a", "gone"]
    assert 'href="../../a/report.html"' in (folder / "sweep.html").read_text()
    assert not (root / "c" / "report.html").exists() and not gone.exists()


def test_pages_newer_than_their_data_are_left(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report(root, Console())
    monkeypatch.setattr(action, "write_report", lambda folder: pytest.fail(str(folder)))
    capsys.readouterr()
    assert report(root, Console()) == 0
    assert "0 written, 2 newer" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changed",
    ["status.json", "events.jsonl", "evaluation/p-0/toy/scores.json", "evaluation/p-0/new.json",
     "stages/one/events.jsonl"],
)  # fmt: skip
def test_a_page_older_than_its_data_is_stale(root: Path, changed: str) -> None:
    run = root / "a"
    report(run, Console())
    assert not is_stale(run)
    (run / changed).parent.mkdir(parents=True, exist_ok=True)
    (run / changed).touch()
    aged(run / "report.html", -5)
    assert not is_stale(run)
    aged(run / changed, -10)
    assert is_stale(run)


def test_a_page_older_than_the_program_is_stale(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(root / "a", Console())
    monkeypatch.setattr(action, "_program", lambda: time.time() + 60)
    assert is_stale(root / "a")


def test_a_page_older_than_a_card_is_stale(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(root / "a", Console())
    card = tmp_path / "cards/x/card.yaml"
    card.parent.mkdir(parents=True)
    card.touch()
    aged(card, -60)
    monkeypatch.setattr(action, "REPRODUCTIONS", tmp_path / "cards")
    monkeypatch.setattr(action, "_program", action._program.__wrapped__)
    assert is_stale(root / "a")


def test_checkpoints_are_not_looked_at(root: Path) -> None:
    run = root / "a"
    report(run, Console())
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "x").touch()
    aged(run / "checkpoints" / "x", -60)
    assert not is_stale(run)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_nothing_there_is_an_error_that_says_what_may_be_given(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="give the directory of a run, a submission"):
        report(tmp_path / name, Console())


def test_a_page_that_cannot_be_written_is_an_error_of_the_house(root: Path) -> None:
    (root / "a" / "report.html").mkdir()
    with pytest.raises(RunDirError, match="cannot write"):
        report(root / "a", Console())


def test_the_action_is_listed_with_its_help() -> None:
    assert "sweep.html" in (ACTIONS["report"].__doc__ or "")
