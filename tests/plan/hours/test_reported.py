"""Reported numbers: each has a source, a whole workload and a GPU that is described."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cards import card_ids, load_card
from harness.errors import ConfigError
from harness.explain import CONF_DIR
from harness.plan.hours.reported import PATH, Row, read_rows, rows

GPUS = CONF_DIR / "hardware/gpu"


def test_ids_are_unique() -> None:
    ids = [row.id for row in rows()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_row_names_a_described_gpu(row: Row) -> None:
    assert (GPUS / f"{row.gpu}.yaml").is_file()
    assert row.gpus % row.gpus_per_node == 0


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_what_calibrates_says_what_was_filled_in(row: Row) -> None:
    if row.use == "calibrate":
        assert row.assumed


def test_every_card_that_reports_hours_or_cost_has_a_row() -> None:
    reporting = {
        id
        for id in card_ids()
        if any(cost.hours is not None or cost.cost is not None for cost in load_card(id).hardware)
    }
    assert reporting <= {row.project for row in rows()}


def test_a_cards_hours_are_those_of_its_rows() -> None:
    for id in card_ids():
        said = {cost.hours for cost in load_card(id).hardware if cost.hours is not None}
        assert said <= {row.reported.hours for row in rows() if row.project == id}, id


@pytest.mark.parametrize("path", sorted(GPUS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_price_has_a_source(path: Path) -> None:
    gpu = yaml.safe_load(path.read_text())
    assert (gpu["usd_per_gpu_hour"] is None) == (gpu["price_source"] is None)


def written(folder: Path, **changes: Any) -> Path:
    """A file with the first row alone, some of its parts replaced or, if null, taken out."""
    row = deepcopy(yaml.safe_load(PATH.read_text())[0])
    for key, value in changes.items():
        row[key] = value
    path = folder / "reported.yaml"
    path.write_text(yaml.safe_dump([{key: value for key, value in row.items() if value != "out"}]))
    return path


def training(**changes: Any) -> list[dict[str, Any]]:
    """The first training of the first row, some of its parts replaced."""
    return [yaml.safe_load(PATH.read_text())[0]["trainings"][0] | changes]


def test_the_first_row_by_itself_is_read(tmp_path: Path) -> None:
    assert read_rows(written(tmp_path))[0] == rows()[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "out"}, "source"),
        ({"source": "somewhere"}, "source"),
        ({"source": "https://host/page"}, "source"),
        ({"why": "x"}, "why"),
        ({"trainings": []}, "trainings"),
        ({"trainings": training(why=1)}, "why"),
        ({"reported": {}}, "exactly one"),
        ({"reported": {"hours": 1, "usd": 1}}, "exactly one"),
        ({"reported": {"seconds_per_step": 1}}, "one training"),
        ({"split": {"train": 3, "generate": 1}}, "must be gpus"),
        ({"engine": None}, "engine"),
        ({"trainings": training(generated_prompts=0)}, "generated_prompts"),
        ({"trainings": training(max_response_tokens=4000)}, "max_response_tokens"),
        (
            {"trainings": training(response_tokens={"low": 2, "mid": 1, "high": 3, "source": "s"})},
            "low <= mid <= high",
        ),
        (
            {"trainings": training(response_tokens={"low": 1, "mid": 2, "high": 3})},
            "source",
        ),
    ],
)
def test_a_row_must_be_complete(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_rows(written(tmp_path, **changes))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml is not a list of reported numbers"):
        read_rows(tmp_path / "none.yaml")


def test_a_file_that_is_not_yaml_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "measured.yaml").write_text("bad: [")
    with pytest.raises(ConfigError, match=r"(?s)not a list of reported numbers.*Repair the file"):
        read_rows(tmp_path / "measured.yaml")
