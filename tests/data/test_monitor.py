"""Monitor problems: which training rows are drawn, and what changes in them."""

from pathlib import Path
from typing import Any

import pytest

from harness.data.monitor import MONITOR, write_monitor
from harness.data.prepare import write_parquet
from harness.data.row_files import parquet
from harness.errors import DataError


def stored(index: int) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": f"problem {index}"}],
        "extra_info": {"index": index, "split": "train"},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten training rows, each of them twice."""
    write_parquet(tmp_path / "train.parquet", [stored(index) for index in range(10)] * 2)
    return tmp_path


def drawn(folder: Path, rows: int, seed: int) -> list[int]:
    write_monitor(folder, rows, seed)
    watched = parquet(folder / MONITOR)
    assert {row["extra_info"]["split"] for row in watched} == {"monitor"}
    indices = [row["extra_info"]["index"] for row in watched]
    assert [row["prompt"] for row in watched] == [stored(index)["prompt"] for index in indices]
    return indices


def test_the_draw_depends_on_the_seed_alone_and_takes_no_problem_twice(folder: Path) -> None:
    first = drawn(folder, 6, seed=1)
    assert len(set(first)) == 6 and drawn(folder, 6, seed=1) == first
    assert any(drawn(folder, 6, seed=seed) != first for seed in (2, 3))
    assert drawn(folder, 10, seed=4) == list(range(10))
    assert {row["extra_info"]["split"] for row in parquet(folder / "train.parquet")} == {"train"}


def test_more_than_there_are_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"monitor\.rows=11, and there are 10 training rows"):
        write_monitor(folder, 11, seed=1)
