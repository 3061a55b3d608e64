"""Rows from files, generators and the hub, and what every missing or malformed source says."""

import json
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from harness.data import generators
from harness.data.row_files import read_rows
from harness.data.rows import load_rows
from harness.data.sources import fingerprint
from harness.errors import DataError
from harness.spec import Data
from tests.data import making

ROWS = [{"nums": [n, n + 1], "target": 2 * n + 1} for n in range(1, 11)]


def data(source: dict[str, Any], **changes: Any) -> Data:
    return making.data(source, **({"train_rows": 6, "test_rows": 3} | changes))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def stored(folder: Path, suffix: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"rows{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif suffix == ".arrow":
        table = pyarrow.Table.from_pylist(rows)
        with pyarrow.ipc.new_stream(str(path), table.schema) as stream:
            stream.write_table(table)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        lines = [f'"{row["nums"]}",{row["target"]}' for row in rows]
        path.write_text("nums,target\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".json", ".csv", ".arrow"])
def test_every_kind_of_file_gives_the_same_rows(suffix: str, tmp_path: Path) -> None:
    assert read_rows(stored(tmp_path, suffix, ROWS)) == ROWS


def test_a_json_row_that_is_a_list_has_its_positions_as_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "r.json", '[[{"value": "a"}, 5], [{"value": "b"}]]')
    assert read_rows(path) == [{"0": {"value": "a"}, "1": 5}, {"0": {"value": "b"}}]


def test_a_csv_column_is_numbers_only_if_every_cell_is_one(tmp_path: Path) -> None:
    path = write(tmp_path, "r.csv", 'a,b,c\n1,2,"x, y"\n1/2,2.5,true\n')
    assert read_rows(path) == [
        {"a": "1", "b": 2, "c": "x, y"},
        {"a": "1/2", "b": 2.5, "c": "true"},
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.jsonl", '{"a": 1}\n\n{"a": \n', r"r\.jsonl:3: is not JSON"),
        ("r.jsonl", '{"a": 1}\n[1]\n', r"r\.jsonl:2: is a JSON list; expected an object"),
        ("r.json", "{", r"r\.json: is not JSON"),
        ("r.json", '{"a": 1}', "is a JSON object; expected a list of objects"),
        ("r.json", '[{"a": 1}, 5]', "row 2: is a JSON number"),
        ("r.csv", "a,b\n1,2\n3\n", r"r\.csv:3: 1 cells; expected 2: \['a', 'b'\]"),
        ("r.csv", "a,a\n1,2\n", "different column names"),
        ("r.csv", "", "different column names"),
        ("r.csv", 'a\n"1"2\n', r"r\.csv:2: is not CSV"),
        ("r.parquet", "no parquet", "is not a readable Parquet file"),
        ("r.arrow", "no arrow", "is not a readable Arrow stream"),
        ("r.txt", "a", r"a data file ends in \.parquet, \.jsonl, \.json, \.csv, \.arrow"),
    ],
)
def test_a_malformed_file_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_rows(write(tmp_path, name, text))


def test_missing_file_and_wrong_encoding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such data file; set data\.source\.path"):
        read_rows(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(DataError, match="not UTF-8"):
        read_rows(tmp_path / "latin.jsonl")


def test_training_rows_come_first_and_test_rows_right_behind(tmp_path: Path) -> None:
    path = stored(tmp_path, ".jsonl", ROWS)
    rows = load_rows(data({"kind": "file", "path": str(path)}))
    assert (rows.train, rows.test) == (ROWS[:6], ROWS[6:9])
    rest = load_rows(data({"kind": "file", "path": str(path)}, train_rows=None))
    assert (rest.train, rest.test) == (ROWS[:7], ROWS[7:])


def test_a_test_file_of_its_own(tmp_path: Path) -> None:
    train = stored(tmp_path, ".jsonl", ROWS)
    test = stored(tmp_path, ".json", ROWS[:4])
    source = {"kind": "file", "path": str(train), "test_path": str(test)}
    rows = load_rows(data(source, train_rows=None))
    assert (rows.train, rows.test) == (ROWS, ROWS[:3])
    with pytest.raises(DataError, match=r"rows\.json: has 4 rows, data\.test_rows asks for 5"):
        load_rows(data(source, test_rows=5))


def test_too_few_rows(tmp_path: Path) -> None:
    source = {"kind": "file", "path": str(stored(tmp_path, ".jsonl", ROWS))}
    with pytest.raises(DataError, match=r"has 10 rows, .* asks for 11"):
        load_rows(data(source, train_rows=8))
    with pytest.raises(DataError, match="leaves none to train"):
        load_rows(data(source, train_rows=None, test_rows=10))


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    path = stored(tmp_path, ".jsonl", ROWS)
    source = data({"kind": "file", "path": str(path)}).source
    before = fingerprint(source)
    path.write_text(path.read_text() + '{"nums": [1], "target": 1}\n')
    assert before != fingerprint(source)
    path.unlink()
    assert fingerprint(source) is None


def counted(rows: int, *, seed: int, split: str, step: int = 1) -> list[dict[str, Any]]:
    return [{"nums": [seed, n * step], "target": split} for n in range(rows)]


def test_a_generator_makes_both_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(generators.GENERATORS, "counted", counted)
    source = {"kind": "generator", "generator": "counted", "seed": 7, "arguments": {"step": 2}}
    rows = load_rows(data(source, train_rows=2, test_rows=1))
    assert rows.train == [{"nums": [7, 0], "target": "train"}, {"nums": [7, 2], "target": "train"}]
    assert rows.test == [{"nums": [7, 0], "target": "test"}]
    assert rows.origin == "generator counted, seed 7"
    with pytest.raises(DataError, match=r"arguments=\{'stride': 2\} do not fit .*it takes \(rows"):
        load_rows(data({**source, "arguments": {"stride": 2}}))
    with pytest.raises(DataError, match=r"data\.train_rows is null"):
        load_rows(data(source, train_rows=None))


def test_an_unknown_generator_names_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"generator=countdwon is unknown.*countdown"):
        load_rows(data({"kind": "generator", "generator": "countdwon"}))


COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubDataset:
    """Stands for datasets.Dataset: rows, and where they came from."""

    def __init__(
        self, rows: list[dict[str, Any]], addresses: Sequence[str] = (), files: Sequence[str] = ()
    ) -> None:
        self.rows = rows
        self.column_names = list(rows[0])
        self.info = types.SimpleNamespace(download_checksums=dict.fromkeys(addresses))
        self.cache_files = [{"filename": name} for name in files]

    def __len__(self) -> int:
        return len(self.rows)

    def select_columns(self, names: list[str]) -> "HubDataset":
        return HubDataset([{name: row[name] for name in names} for row in self.rows])

    def select(self, indices: Sequence[int]) -> "HubDataset":
        return HubDataset([self.rows[i] for i in indices])

    def to_list(self) -> list[dict[str, Any]]:
        return self.rows


def hub(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[dict[str, Any]]:
    """Replaces the datasets library; the list receives the calls.

    Args:
        answer: a data set, or one for each split, or an error to raise.
    """
    calls: list[dict[str, Any]] = []

    def load_dataset(path: str, **asked: Any) -> Any:
        calls.append({"path": path, **asked})
        if isinstance(answer, Exception):
            raise answer
        return answer[asked["split"]] if isinstance(answer, dict) else answer

    fake = types.ModuleType("datasets")
    fake.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return calls


HUB = {"kind": "hub", "dataset": "someone/countdown", "split": "train"}


@pytest.mark.parametrize(
    ("addresses", "files", "revision"),
    [
        ([f"hf://datasets/someone/countdown@{COMMIT}/train.parquet"], [], COMMIT),
        ([], [f"/cache/someone___countdown/default/0.0.0/{COMMIT}/train.arrow"], COMMIT),
        ([], ["/cache/elsewhere/train.arrow"], None),
        (["hf://datasets/x@" + "a" * 64], [], None),
    ],
)
def test_hub_rows_and_their_revision(
    addresses: list[str], files: list[str], revision: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = hub(monkeypatch, HubDataset(ROWS, addresses, files))
    rows = load_rows(data(HUB))
    plain = {"name": None, "data_files": None, "revision": None, "split": "train"}
    assert calls == [{"path": "someone/countdown", **plain}]
    assert (rows.train, rows.test) == (ROWS[:6], ROWS[6:9])
    assert rows.revision == revision


def test_without_network_and_cache_the_error_says_how_to_provide_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub(monkeypatch, ConnectionError("Couldn't reach the Hub"))
    with pytest.raises(DataError) as caught:
        load_rows(data({**HUB, "revision": COMMIT}))
    text = str(caught.value)
    assert "someone/countdown" in text and COMMIT in text and "Couldn't reach" in text
    assert "data.source.kind=file data.source.path=" in text
    assert "cache" in text and "data=countdown_generated" in text


def test_another_cached_revision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, HubDataset(ROWS, [f"hf://datasets/someone/countdown@{'b' * 40}/t"]))
    with pytest.raises(DataError, match=f"revision {COMMIT} was asked for, .* holds {'b' * 40}"):
        load_rows(data({**HUB, "revision": COMMIT}))


def test_too_few_hub_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, HubDataset(ROWS))
    with pytest.raises(DataError, match=r"has 10 rows, .* asks for 103"):
        load_rows(data(HUB, train_rows=100))


def test_a_subset_a_test_split_and_files_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = [{**row, "solution": "long"} for row in ROWS]
    calls = hub(monkeypatch, {"train": HubDataset(extra), "test": HubDataset(extra[7:])})
    files = {"train": "train/people5.jsonl", "test": "test/people5.jsonl"}
    source = {**HUB, "subset": "main", "test_split": "test", "files": files}
    rows = load_rows(data(source, train_rows=None, demonstration="target"))
    assert [(call["name"], call["data_files"]) for call in calls] == [("main", files)] * 2
    assert [call["split"] for call in calls] == ["train", "test"]
    # Columns that nothing reads are never turned into rows.
    assert (rows.train, rows.test) == (ROWS, ROWS[7:])
    assert rows.origin == "someone/countdown (main), split train, and split test"
    with pytest.raises(DataError, match=r"split test: has 3 rows, data\.test_rows asks for 4"):
        load_rows(data(source, test_rows=4))


def test_a_column_that_the_hub_does_not_have_is_named_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub(monkeypatch, HubDataset(ROWS))
    wrong = data(HUB, columns={"numbers": "values", "target": "goal"}, drop_duplicates=True)
    with pytest.raises(DataError, match=r"column values .* the row has nums, target"):
        load_rows(wrong)
