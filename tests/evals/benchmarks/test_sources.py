"""Reading upstream rows and making puzzles: the pieces without files and network."""

import json
import sys
from itertools import product
from typing import Any

import pytest

from evals.benchmarks import describe, generated, remote
from evals.benchmarks.cards import GeneratedSource, RemoteSource
from harness.data import generators
from harness.errors import DataError

GSM8K = {"question": "How many?", "answer": "She has 1,000 * 2 = <<1000*2=2000>>2,000.\n#### 2,000"}
AIME25 = {"id": "aime25-0", "problem": "Find it.", "expected_answer": "070"}
AMC23 = {"id": 0, "problem": "Find it.", "answer": 27.0, "url": "-"}
MINERVA = {"problem": "Find it.", "solution": r"a \boxed{1}, so \boxed{\frac{1}{2}} m", "type": "x"}
OLYMPIAD = {"question": "Find it.", "final_answer": ["$\\frac{1}{2}$"], "unit": ""}


@pytest.mark.parametrize(
    ("name", "row", "truth"),
    [
        ("gsm8k", GSM8K, {"answer": "2000"}),
        ("aime25", AIME25, {"answer": "70"}),
        ("amc23", AMC23, {"answer": "27"}),
        ("minerva", MINERVA, {"answer": r"\frac{1}{2}"}),
        ("olympiadbench", OLYMPIAD, {"answer": "$\\frac{1}{2}$", "unit": None}),
    ],
)
def test_an_upstream_row_in_the_one_form(
    name: str, row: dict[str, Any], truth: dict[str, Any]
) -> None:
    card = describe(name)
    assert isinstance(card.source, RemoteSource)
    (found,) = remote.normalised(json.dumps(row).encode(), card, card.source)
    assert (found.id, found.truth) == (f"{name}-0000", truth)


def test_a_json_list() -> None:
    card = describe("amc83")
    assert isinstance(card.source, RemoteSource)
    rows = [{"problem": "Zero?", "answer": 0}, {"problem": "Minus one?", "answer": "-1.0"}]
    found = remote.normalised(json.dumps(rows).encode(), card, card.source)
    assert [problem.truth["answer"] for problem in found] == ["0", "-1"]


def test_what_is_no_integer_stays_as_it_is() -> None:
    assert [remote.integer(x) for x in ("0.5", "1/2", "00", " 7 ")] == ["0.5", "1/2", "0", "7"]


def test_puzzles_for_each_number_of_people_in_one_vocabulary() -> None:
    pytest.importorskip("reasoning_gym")
    rows = generated.knights_and_knaves(4, 1, people=[2, 3], request="Answer.")
    assert [len(row["names"]) for row in rows] == [2, 2, 3, 3]
    for row in rows:
        assert "only by knights and knaves" in row["problem"]
        assert row["problem"].endswith("?\nAnswer.") and "Format" not in row["problem"]
        roles = ["knight" if knight else "knave" for knight in row["solution"]]
        assert row["answer"].split("\n") == [
            f"({n}) {name} is a {role}"
            for n, (name, role) in enumerate(zip(row["names"], roles, strict=True), start=1)
        ]
    with pytest.raises(DataError, match="5 puzzles do not divide into 2"):
        generated.knights_and_knaves(5, 1, people=[2, 3], request="")


def test_countdown_problems_are_solvable_and_never_in_training_data() -> None:
    pytest.importorskip("reasoning_gym")
    source = describe("countdown_small").source
    assert isinstance(source, GeneratedSource)
    rows = generated.countdown(5, 1, **source.arguments)
    for row in rows:
        signed = [[n, -n] for n in row["numbers"]]
        assert row["target"] in {sum(terms) for terms in product(*signed)}
        assert generators.split_of(generators.countdown_problem(row)) == "test"
        assert f"the numbers {row['numbers']}, create an equation that equals" in row["problem"]


def test_without_reasoning_gym_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = describe("knights_and_knaves")
    assert isinstance(card.source, GeneratedSource)
    monkeypatch.setitem(sys.modules, "reasoning_gym.logic.knights_knaves", None)
    with pytest.raises(DataError, match=r"pip install 'reprise\[train\]'"):
        generated.generate(card, card.source)
