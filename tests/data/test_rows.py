"""Which rows are for training: the count that is expected, what belongs, the draw and the cut."""

from pathlib import Path
from typing import Any

import pytest

from harness.data import generators
from harness.data.rows import drawn, load_rows
from harness.errors import DataError
from tests.data.making import ROWS, data, in_file

LEVELS = [{"nums": [n], "target": n % 3, "level": n % 4} for n in range(12)]
WITH_LEVEL = {"numbers": "nums", "target": "target", "level": "level"}


def test_another_version_of_the_source_is_refused(tmp_path: Path) -> None:
    assert load_rows(in_file(tmp_path, source_rows=5)).source_rows == 5
    with pytest.raises(DataError, match=r"has 5 rows, data\.source_rows expects 7473.*rows=null"):
        load_rows(in_file(tmp_path, source_rows=7473))


def test_rows_that_do_not_belong_are_left_out_before_the_cut(tmp_path: Path) -> None:
    spec = in_file(tmp_path, LEVELS, columns=WITH_LEVEL, keep={"level": [1, 3]}, source_rows=12)
    rows = load_rows(spec.model_copy(update={"train_rows": None}))
    assert [row["nums"][0] for row in rows.train] == [1, 3, 5, 7]
    assert [row["nums"][0] for row in rows.test] == [9, 11]
    assert rows.left_out == {"not_kept": 6} and rows.source_rows == 12
    with pytest.raises(DataError, match=r"leave out: has 6 rows, .* asks for 10"):
        load_rows(spec.model_copy(update={"train_rows": 8}))


def test_a_prompt_that_stood_before_is_left_out(tmp_path: Path) -> None:
    spec = in_file(tmp_path, drop_duplicates=True, train_rows=None)
    rows = load_rows(spec)
    assert rows.train + rows.test == [*ROWS[:3], ROWS[4]]
    assert rows.left_out == {"duplicate": 1}


def test_a_generator_may_give_fewer_rows_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(rows: int, *, seed: int, split: str) -> list[dict[str, Any]]:
        return [{"nums": [n // 2], "target": 0} for n in range(rows)]

    monkeypatch.setitem(generators.GENERATORS, "made", made)
    source = {"kind": "generator", "generator": "made"}
    rows = load_rows(data(source, train_rows=6, test_rows=4, drop_duplicates=True))
    assert (len(rows.train), len(rows.test), rows.left_out) == (3, 2, {"duplicate": 5})
    with pytest.raises(DataError, match=r"generator made.* has 6 rows, data\.source_rows expects"):
        load_rows(data(source, train_rows=6, source_rows=7473))


def test_a_seeded_draw(tmp_path: Path) -> None:
    spec = in_file(tmp_path, LEVELS, train_rows=4, test_rows=3, subset_seed=42)
    rows = load_rows(spec)
    taken = [row["nums"][0] for row in rows.train + rows.test]
    assert taken == list(drawn(12, 42))[:7] and taken != sorted(taken)
    other = load_rows(spec.model_copy(update={"subset_seed": 43}))
    assert other.train != rows.train


@pytest.mark.slow
def test_the_draw_is_that_of_the_datasets_library() -> None:
    datasets = pytest.importorskip("datasets")
    column = datasets.Dataset.from_dict({"n": list(range(1000))})
    assert column.shuffle(seed=42)["n"][:] == list(drawn(1000, 42))
