"""Reading a field's value from a column: named readers, dotted paths, and what cannot be read."""

from typing import Any

import pytest

from harness.data.columns import columns_of
from harness.data.readers import reader
from harness.errors import DataError
from tests.data.making import data

FILE = {"kind": "file", "path": "rows.jsonl"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("after_hashes", "She pays 2 * 900 = 1,800.\n#### 1,800", "1800"),
        ("after_hashes", "#### 3\n#### -4 ", "-4"),
        ("after_hashes", "a, b #### x, y", "x, y"),
        ("after_hashes", "no mark", None),
        ("after_hashes", "only the mark ####", None),
        (
            "before_last_paragraph",
            "Find x.\n\nIt is odd.\n\nPut it in a box.",
            "Find x.\n\nIt is odd.",
        ),
        ("before_last_paragraph", "Find x.", "Find x."),
        ("last_boxed", r"first \boxed{1}, so \boxed{\frac{1}{2}} m", r"\frac{1}{2}"),
        ("last_boxed", r"\boxed {\{1, 2\}} and \boxed{cut off", r"\{1, 2\}"),
        ("last_boxed", r"\fbox{ 7 }", "7"),
        ("last_boxed", r"\box{1}", None),
        ("strip", "  42\n", "42"),
        ("first", ["$3$", "4"], "$3$"),
        ("first", [], None),
        ("first", "3", "3"),
        ("text", 27.0, "27"),
        ("text", 0.5, "0.5"),
        ("text", -3, "-3"),
        ("text", "3", "3"),
        ("json", '{"target": 3}', {"target": 3}),
        ("json.target", '{"target": 3}', 3),
        ("json.a.b", '{"a": {"b": [1, 2]}}', [1, 2]),
        ("json.a.b", '{"a": null}', None),
    ],
)
def test_readers(name: str, value: Any, expected: Any) -> None:
    assert reader(name)(value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("after_hashes", 3), ("last_boxed", ["x"]), ("text", True), ("json", "{"), ("json.a", "[1]")],
)
def test_what_a_reader_cannot_read(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        reader(name)(value)


@pytest.mark.parametrize("name", ["hashes", "json.", "json..a"])
def test_an_unknown_reader_names_the_known_ones(name: str) -> None:
    with pytest.raises(DataError, match=r"unknown; choose one of after_hashes, .*json\.<key>"):
        reader(name)


ROW = {
    "prompt": [{"role": "user", "content": "Solve it."}],
    "reward_model": {"ground_truth": "34", "style": None},
    "extra.level": 3,
    "answers": [],
    "note": None,
}


def pick(path: str, *, row: dict[str, Any] = ROW, answer: bool = True, **changes: Any) -> Any:
    truth = ["x"] if answer else []
    spec = data(FILE, columns={"x": path}, template="", ground_truth=truth, **changes)
    return columns_of(spec).pick(row, "rows.jsonl, row 7")["x"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("prompt.0.content", "Solve it."),
        ("reward_model.ground_truth", "34"),
        ("extra.level", 3),
        ("answers.0", None),
        ("note", None),
        ("note.inside", None),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    assert pick(path) == expected


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("goal", r"row 7: no value for the column goal \(field x\); the row has prompt, rew"),
        ("reward_model.truth", r"no value for the column reward_model\.truth"),
        ("reward_model.ground_truth.0", "ground_truth holds '34', nothing named 0"),
        ("prompt.first.content", "nothing named first"),
        ("prompt.-1.content", "nothing named -1"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        pick(path)


def test_an_empty_field_is_an_error_unless_it_is_the_answer() -> None:
    with pytest.raises(DataError, match="row 7: no value for the column note"):
        pick("note", answer=False)


def test_a_reader_that_cannot_read_names_the_row_and_what_it_holds() -> None:
    with pytest.raises(
        DataError, match=r"row 7: the column answers .*expected text; it holds \[\]"
    ):
        pick("answers", readers={"x": "strip"})
    assert pick("reward_model.ground_truth", readers={"x": "strip"}) == "34"
    assert pick("answers", readers={"x": "first"}) is None
