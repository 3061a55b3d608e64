"""Result files as text."""

from pathlib import Path

import pytest

from bench.gpu import record
from bench.gpu.options import Options
from bench.gpu.table import cell, flat, markdown, summary
from harness.paths import ROOT


def test_nothing_measured_is_said() -> None:
    assert markdown(ROOT / "bench" / "absent") == "not run: no result under bench/absent"


def test_values_as_they_are_read() -> None:
    assert cell(None) == "not run" and cell(True) == "yes" and cell(12345) == "12,345"
    assert cell(1.23456) == "1.235" and cell(12345.6) == "12,346" and cell("a") == "a"


def test_nested_numbers_become_rows_and_lists_of_numbers_do_not() -> None:
    numbers = {"a": {"b": 1, "c": {"d": None}}, "each": [1.0, 2.0], "missing": ["x", "y"]}
    assert list(flat(numbers)) == [("a.b", 1), ("a.c.d", None), ("missing", "x; y")]
    (many,) = flat({"missing": ["v", "w", "x", "y", "z"]})
    assert many == ("missing", "v; w; x; and 2 more")
    assert summary("train", numbers).splitlines()[2].split() == ["a.c.d", "not", "run"]


def test_one_column_a_result_and_one_table_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(hardware="cpu", model="tiny", steps=3, out=tmp_path, scratch=tmp_path)
    for commit, seconds in (("a" * 40, 1.5), ("b" * 40, 2.5)):
        state = {"commit": commit, "diff": None, "untracked": []}
        monkeypatch.setattr(record, "code", lambda state=state: state)
        record.write_part(options, "train", {"s_per_step": seconds, "actor_mfu": None})
    record.write_part(options, "check", {"error": "a|b" + " long" * 40})
    text = markdown(tmp_path)
    assert text.index("### check") < text.index("### train")
    assert "|  | cpu-aaaaaaa | cpu-bbbbbbb |" in text
    assert "| s per step | 1.5 | 2.5 |" in text and "| actor mfu | not run | not run |" in text
    assert "a\\|b" in text and "..." in text
