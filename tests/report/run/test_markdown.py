"""The summary in Markdown: short, a table, and nothing of a model's or a user's text as markup."""

import json
from pathlib import Path

import pytest

from harness.report.markdown import escaped
from harness.report.read import read_run
from harness.report.run.markdown import markdown
from harness.report.run.summary import summarise
from tests.report.making import HOSTILE, make_run, sample, scores


@pytest.fixture
def text(tmp_path: Path) -> str:
    return markdown(summarise(read_run(make_run(tmp_path / "run", rows=[sample(1)]))))


def test_verdict_table_and_a_few_lines(text: str) -> None:
    assert "**held\\_out: improved, +31.0 points from base to trained" in text
    assert (
        "| held\\_out | trained | avg@4 | 62.0 % [58.0 %, 66.0 %] | +31.0 [+26.0, +36.0] |" in text
    )
    assert "- Reward: " in text
    assert "- Took 101.0 s; not planned" in text
    assert len(text.splitlines()) < 20


def test_an_invalid_score_is_no_number(tmp_path: Path) -> None:
    spoilt = {"name": "canaries", "passed": False, "detail": "", "spoils": True}
    folder = make_run(tmp_path / "bad", rows=[sample(1)], score=scores(checks=[spoilt]))
    said = markdown(summarise(read_run(folder)))
    assert "| held\\_out | trained | avg@4 | INVALID |  |" in said
    assert "62.0 %" not in said and "+31.0" not in said


def test_status_and_its_reason_are_said_as_text(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", rows=[sample(1)])
    write = {"state": HOSTILE, "reason": "out of | memory"}
    (folder / "status.json").write_text(json.dumps(write))
    said = markdown(summarise(read_run(folder)))
    assert "<script" not in said.replace("\\<", "")
    assert "out of \\| memory" in said


def test_rows_have_as_many_cells_as_the_header(text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1


def test_text_is_no_markup() -> None:
    said = escaped(f"{HOSTILE}\n# a heading | *bold* [x](y)")
    assert "\n" not in said
    assert "\\<script\\>" in said and "\\#" in said and "\\|" in said and "\\[x\\]" in said


def test_an_empty_run_has_a_summary_too(tmp_path: Path) -> None:
    text = markdown(summarise(read_run(tmp_path)))
    assert "**Evaluation: not run.**" in text
    assert "|" not in text
