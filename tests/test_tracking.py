"""What trackers get of a run's report: the real W&B, offline, and the real TensorBoard."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.report.tables import Table, tables
from harness.spec import RunSpec, Tracking
from harness.tracking import check_tracking, log_tables
from tests.composing import spec_of
from tests.report.making import HOSTILE, make_run, sample, samples


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A finished run with hostile texts."""
    hostile = sample(99, "trained", response=HOSTILE, doubt="truncated")
    return make_run(tmp_path / "run", rows=[*samples(6), hostile], repro="tinyzero")


def tracked(*backends: str) -> RunSpec:
    spec = spec_of("+repro=tinyzero", "hardware=cpu")
    tracking = Tracking.model_validate({"name": "test", "backends": list(backends)})
    return spec.model_copy(update={"tracking": tracking})


def named(run_dir: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        for table in tables(run_dir)
    }


def test_tables_say_what_the_page_says(run_dir: Path) -> None:
    found = named(run_dir)
    said = json.loads(next(run_dir.glob("evaluation/*/*/scores.json")).read_text())
    expected = {model["label"]: model["accuracy"]["value"] for model in said["models"]}
    assert {row["model"]: row["accuracy"] for row in found["scores"]} == expected
    trained = [row for row in found["scores"] if row["model"] == "trained"]
    assert trained[0]["change"] == said["difference"]["paired"]["value"]
    assert all(row["response"] for row in found["samples"])


@pytest.mark.slow
def test_wandb_offline_holds_the_tables(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    found = tables(run_dir)
    log_tables(tracked("wandb"), run_dir, "0123456789abcdef", found)
    (written,) = (run_dir / "wandb").glob("offline-run-*-0123456789abcdef-report")
    for table in found:
        (path,) = written.rglob(f"media/table/report/{table.name}_*.table.json")
        content = json.loads(path.read_text())
        assert content["columns"] == list(table.columns)
        assert content["data"] == json.loads(json.dumps(table.rows))
    (path,) = written.rglob("samples_*.table.json")
    responses = [row[5] for row in json.loads(path.read_text())["data"]]
    assert HOSTILE in responses


def test_tensorboard_shows_the_tables_as_text(run_dir: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    log_tables(tracked("tensorboard"), run_dir, "0", tables(run_dir))
    (path,) = (run_dir / "tensorboard").glob("events.out.*")
    texts = {
        value.tag: (value.metadata.plugin_data.plugin_name, value.tensor.string_val[0].decode())
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    }
    plugin, text = texts["report/scores"]
    assert plugin == "text" and "| benchmark | model |" in text and "| trained |" in text
    assert not re.search(r"(?<!\\)<", texts["report/samples"][1])


def test_tensorboard_says_which_rows_it_leaves_out(run_dir: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    rows: list[list[object]] = [[n] for n in range(101)]
    found = Table(name="many", columns=("n",), rows=rows, note="half of them")
    log_tables(tracked("tensorboard"), run_dir, "0", [found])
    (path,) = (run_dir / "tensorboard").glob("events.out.*")
    *_, last = EventFileLoader(str(path)).Load()
    text = last.summary.value[0].tensor.string_val[0].decode()
    assert "The first 100 of 101 rows." in text and text.endswith("half of them")


def test_nothing_is_opened_where_nothing_is_tracked(run_dir: Path) -> None:
    before = sorted(run_dir.rglob("*"))
    log_tables(tracked(), run_dir, "0", tables(run_dir))
    assert sorted(run_dir.rglob("*")) == before


def test_wandb_online_without_a_key_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    online = Tracking(name="x", backends=["wandb"], wandb_mode="online")
    with pytest.raises(ConfigError, match="wandb_mode=offline"):
        check_tracking(online)
