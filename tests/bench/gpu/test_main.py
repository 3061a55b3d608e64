"""The command: exit codes, and what a part that fails leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.gpu import __main__ as command
from bench.gpu.options import MEASURED, Options
from bench.gpu.record import write_part
from harness.errors import RepriseError


def measured(options: Options) -> dict[str, Any]:
    return {"fine": 1}


def failing(options: Options) -> dict[str, Any]:
    write_part(options, "train", {"first": 1.0})
    raise RepriseError("the second run died")


def lacking(options: Options) -> dict[str, Any]:
    return {"missing": ["vllm: not installed"]}


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    parts = {"training": failing, "check": lacking}

    def imported(name: str) -> Any:
        return SimpleNamespace(measure=parts.get(name.rpartition(".")[2], measured))

    monkeypatch.setattr(command, "import_module", imported)
    return ["--hardware", "cpu", "--model", "tiny", "--out", str(tmp_path / "out")]


def results(tmp_path: Path) -> dict[str, Any]:
    files = (tmp_path / "out").glob("*/*.json")
    return {path.stem: json.loads(path.read_text())["numbers"] for path in files}


def test_a_failed_part_keeps_what_it_measured_and_the_others_go_on(
    words: list[str], tmp_path: Path
) -> None:
    assert command.main(["all", *words]) == 1
    found = results(tmp_path)
    assert set(found) == set(MEASURED)
    assert found["train"]["first"] == 1.0 and "second run died" in found["train"]["error"]
    assert found["learn"]["fine"] == 1


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What follows happens in a later call, which fails before it has measured anything."""

    def dies(options: Options) -> dict[str, Any]:
        raise OSError("disk")

    def begins() -> None:
        monkeypatch.setattr(command, "import_module", lambda _: SimpleNamespace(measure=dies))
        monkeypatch.setattr(command.time, "time", lambda: 4e9)

    return begins


def test_numbers_of_an_earlier_call_are_not_taken_for_this_one(
    words: list[str], tmp_path: Path, later: Callable[[], None]
) -> None:
    command.main(["train", *words])
    later()
    assert command.main(["train", *words]) == 1
    assert "first" not in results(tmp_path)["train"]


def test_a_whole_result_outlives_a_later_call_that_measures_nothing(
    words: list[str], tmp_path: Path, later: Callable[[], None]
) -> None:
    command.main(["learn", *words])
    later()
    assert command.main(["learn", *words]) == 1
    assert results(tmp_path)["learn"]["fine"] == 1 and "error" not in results(tmp_path)["learn"]


def test_exit_codes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["learn", *words]) == 0
    assert command.main(["check", *words]) == 1
    assert command.main(["train", "--hardware", "1xB9"]) == 2
    assert "choose one of" in capsys.readouterr().err
    assert command.main(["table", *words]) == 0
    assert "### learn" in capsys.readouterr().out
