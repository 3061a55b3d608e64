"""Data options and row files that the tests of data preparation share."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet

from harness.spec import Data

ROWS = [
    {"nums": [1, 2], "target": 3, "text": "<answer>1+2</answer>"},
    {"nums": [3, 4], "target": 7, "text": "<answer>3+4</answer>"},
    {"nums": [10, 20, 30, 40], "target": 100, "text": "<answer>10+20+30+40</answer>"},
    {"nums": [1, 2], "target": 3, "text": "<answer>2+1</answer>"},
    {"nums": [5, 6], "target": 11, "text": "<answer>5+6</answer>"},
]


def data(source: dict[str, Any], **changes: Any) -> Data:
    """A countdown data option."""
    values: dict[str, Any] = {
        "name": "d",
        "task": "countdown",
        "source": source,
        "train_rows": 3,
        "test_rows": 2,
        "columns": {"numbers": "nums", "target": "target"},
        "template": "Make {target} from {numbers}: ",
        "render": "raw",
        "ground_truth": ["target", "numbers"],
        "max_prompt_tokens": 28,
        "max_response_tokens": 40,
    }
    return Data.model_validate({**values, **changes})


def in_file(folder: Path, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> Data:
    """The same with its rows in a file."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return data({"kind": "file", "path": str(path)}, **changes)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows
