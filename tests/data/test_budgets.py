"""Token budgets: drawn from the row's place alone, shown in the prompt, known to the reward."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.data.budgets import budget_fields, budget_of, digest
from harness.data.prepare import prepare
from harness.data.prompts import mistakes
from harness.data.rows import load_rows
from harness.spec import Budget, Data
from tests.data.making import ROWS, data, in_file, rows_of

FILE = {"kind": "file", "path": "rows.jsonl"}
BUDGET = {
    "low": 100,
    "high": 4000,
    "seed": 7,
    "exact": " Think for {tokens} tokens.",
    "at_most": " Think for maximum {tokens} tokens.",
}
CHANGES: dict[str, Any] = {
    "template": "Make {target} from {numbers}.{budget_text}",
    "ground_truth": ["target", "budget"],
    "max_prompt_tokens": 80,
}


PINNED = [3415, 654, -2808, 153, -3835]
"""Budgets of the first training rows, half of them maxima."""


def budget(**changes: Any) -> Budget:
    return Budget.model_validate({**BUDGET, **changes})


def with_budget(folder: Path, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> Data:
    """The countdown rows, each with a budget."""
    drawn = {**BUDGET, **changes.pop("budget", {})}
    return in_file(folder, rows, **{**CHANGES, "budget": drawn, **changes})


def test_budgets_fill_their_range_evenly() -> None:
    drawn = [budget_of(budget(low=3, high=6), "train", index) for index in range(4000)]
    counts = {tokens: drawn.count(tokens) for tokens in sorted(set(drawn))}
    assert list(counts) == [3, 4, 5, 6]
    assert all(900 < count < 1100 for count in counts.values())


def test_a_share_of_them_are_maxima() -> None:
    half = [budget_of(budget(at_most_share=0.5), "train", index) for index in range(4000)]
    assert 1900 < sum(tokens < 0 for tokens in half) < 2100
    targets = [budget_of(budget(), "train", index) for index in range(4000)]
    assert list(map(abs, half)) == targets  # maxima or not, a row keeps its number
    assert all(budget_of(budget(at_most_share=1.0), "train", n) < 0 for n in range(50))


def test_seed_split_and_place_decide_and_nothing_else() -> None:
    first = [budget_of(budget(), "train", index) for index in range(100)]
    assert first == [budget_of(budget(), "train", index) for index in range(100)]
    assert first != [budget_of(budget(), "test", index) for index in range(100)]
    assert first != [budget_of(budget(seed=8), "train", index) for index in range(100)]


def test_the_draws_are_these_ones() -> None:
    """Pinned: another number here is another data set under the same name."""
    found = [budget_of(budget(at_most_share=0.5), "train", index) for index in range(5)]
    assert found == PINNED


@pytest.mark.slow
def test_another_process_draws_the_same() -> None:
    code = (
        "from harness.data.budgets import budget_of; from harness.spec import Budget\n"
        f"b = Budget.model_validate({ ({**BUDGET, 'at_most_share': 0.5})!r})\n"
        "print([budget_of(b, 'train', n) for n in range(5)])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "1", "PATH": ""},
    )
    assert json.loads(said.stdout) == PINNED


def test_prompt_and_ground_truth_name_the_budget(tmp_path: Path, tokenizer: str) -> None:
    spec, out = with_budget(tmp_path, budget={"at_most_share": 0.5}), tmp_path / "out"
    manifest = prepare(spec, tokenizer_path=tokenizer, folder=out, sft=False)
    rows = rows_of(out / "train.parquet") + rows_of(out / "test.parquet")
    drawn = [row["extra_info"]["budget"] for row in rows]
    for row, tokens in zip(rows, drawn, strict=True):
        wanted = "maximum " * (tokens < 0) + f"{abs(tokens)} tokens."
        assert row["prompt"][0]["content"].endswith(f" Think for {wanted}")
        assert json.loads(row["reward_model"]["ground_truth"])["budget"] == tokens
    record = manifest.splits["train"].budgets
    assert record is not None and record.sha256 == digest(drawn[:3])
    assert (record.smallest, record.largest) == (min(map(abs, drawn[:3])), max(map(abs, drawn[:3])))
    assert record.at_most == sum(tokens < 0 for tokens in drawn[:3])


def test_rows_that_are_left_out_do_not_move_the_budgets_of_others(
    tmp_path: Path, tokenizer: str
) -> None:
    rows = [ROWS[0], {**ROWS[1], "target": None}, *ROWS[2:]]
    whole, gaps = with_budget(tmp_path), tmp_path / "gaps"
    prepare(whole, tokenizer_path=tokenizer, folder=tmp_path / "all", sft=False)
    prepare(with_budget(tmp_path, rows), tokenizer_path=tokenizer, folder=gaps, sft=False)
    before, after = (
        {r["extra_info"]["index"]: r["extra_info"]["budget"] for r in rows_of(f / "train.parquet")}
        for f in (tmp_path / "all", gaps)
    )
    assert after == {index: tokens for index, tokens in before.items() if index != 1}


def test_without_a_budget_nothing_is_said_of_one(tmp_path: Path, tokenizer: str) -> None:
    manifest = prepare(
        in_file(tmp_path), tokenizer_path=tokenizer, folder=tmp_path / "o", sft=False
    )
    assert manifest.splits["train"].budgets is None
    assert budget_fields(data(FILE), "train", 0) == {}


def test_one_problem_with_two_budgets_is_one_problem(tmp_path: Path, tokenizer: str) -> None:
    manifest = prepare(with_budget(tmp_path), tokenizer_path=tokenizer, folder=tmp_path, sft=False)
    assert manifest.test_prompts_in_train == 1  # rows 1 and 4 are the same problem
    rows = load_rows(with_budget(tmp_path, drop_duplicates=True, train_rows=None))
    assert rows.left_out == {"duplicate": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": {"low": 5000}}, "low=5000 is above high=4000"),
        ({"budget": {"at_most_share": 0.5, "at_most": None}}, "at_most_share=0.5 asks for maxima"),
        ({"budget": {"exact": "Think long."}}, "data.budget.exact: .* no placeholder; write {tok"),
        ({"budget": {"at_most": "{tokens} {n}"}}, "data.budget.at_most: .* {tokens}, {n}; write"),
        ({"budget": {"exact": "{tokens:d}"}}, "data.budget.exact: the placeholder {tokens} is not"),
        ({"columns": {"budget": "n", "target": "t", "numbers": "x"}}, "maps budget, which data.bu"),
        ({"template": "{target}", "ground_truth": ["target"]}, "is drawn and not used"),
        ({"keep": {"budget": [1]}}, "data.keep names budget"),
        ({"template": "{budgets}"}, "data.template names budgets"),
    ],
)
def test_contradictions_are_told(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    (mistake,) = mistakes(with_budget(tmp_path, **changes))
    assert re.search(message, mistake)


def test_without_data_budget_its_fields_are_unknown() -> None:
    (mistake,) = mistakes(data(FILE, template="{target}{budget_text}"))
    assert "data.template names budget_text" in mistake
