"""Countdown and knights-and-knaves: what counts as an answer, and which answers are right."""

import json
from pathlib import Path

import pytest

from evals.grading.puzzles import countdown, knights_and_knaves
from harness.errors import DataError

SHARED = Path(__file__).parents[4] / "shared"
PROBLEM = {"numbers": [20, 28, 98], "target": 658}
ISLAND = {"names": ["Ann", "Bo"], "solution": [True, False]}
RIGHT = "(1) Ann is a knight\n(2) Bo is a knave"


@pytest.mark.parametrize(
    "response",
    [
        "<answer>20*28 + 98</answer>",
        "<answer>1</answer> no, <answer>98 + 28 * 20</answer>",
        r"hence $\boxed{20 \times 28 + 98}$",
        "We try.\n\n(20*28)+98\n\n",
        "<answer>\n20*28\n+98\n</answer>",
    ],
)
def test_countdown_right(response: str) -> None:
    assert countdown(PROBLEM, response).correct


@pytest.mark.parametrize(
    "expression",
    [
        "658",
        "20*28+98+0",
        "20*28",
        "20*28+98+98-98",
        "2028+98",
        "20*28+98.0",
        "20*28+98 # done",
        "20**28+98",
        "98//20+28",
        "(20*28+98",
        "__import__('os')",
        "9**9**9**9",
        "(" * 300 + "20*28+98" + ")" * 300,
    ],
)
def test_countdown_wrong(expression: str) -> None:
    assert not countdown(PROBLEM, f"<answer>{expression}</answer>").correct


def test_countdown_divides_exactly_enough() -> None:
    assert countdown({"numbers": [3, 3, 8, 8], "target": 24}, "8/(3-8/3)").correct
    assert not countdown({"numbers": [1, 3], "target": 0.3333}, "1/3").correct


def test_countdown_doubts() -> None:
    seen = countdown(PROBLEM, "<answer>20*28+98 = 658</answer>")
    assert (seen.correct, seen.doubt) == (False, "right answer seen but not extracted")
    assert countdown(PROBLEM, "<answer> </answer>").doubt == "no answer"
    assert countdown(PROBLEM, "").doubt == "no answer"


def test_countdown_division_by_zero_is_wrong() -> None:
    assert not countdown({"numbers": [1, 2, 2], "target": 1}, "1/(2-2)").correct


@pytest.mark.parametrize(
    "response",
    [
        f"<answer>{RIGHT}</answer>",
        f"Ann is a knave?</think>\n{RIGHT}",
        "<answer>bo is a  KNAVE, ann is a knight</answer>",
    ],
)
def test_knights_and_knaves_right(response: str) -> None:
    assert knights_and_knaves(ISLAND, response).correct
    assert knights_and_knaves({"answer": RIGHT}, response).correct


@pytest.mark.parametrize(
    "answer",
    [
        "Ann is a knight",
        "Ann is a knight, Bo is a knight",
        f"{RIGHT}\nBo is a knight",
        f"{RIGHT}\nBo is a knave",
        f"{RIGHT} and Cy is a knave",
        "Ann: knight, Bo: knave",
        "Joann is a knight, Bo is a knave",
        "Ann is a knighthood, Bo is a knave",
    ],
)
def test_knights_and_knaves_wrong(answer: str) -> None:
    assert not knights_and_knaves(ISLAND, f"<answer>{answer}</answer>").correct


def test_knights_and_knaves_without_a_role_has_no_answer() -> None:
    assert knights_and_knaves(ISLAND, "<answer>both lie</answer>").doubt == "no answer"


@pytest.mark.parametrize("grader", [countdown, knights_and_knaves])
def test_a_problem_without_its_fields_says_which(grader: object) -> None:
    with pytest.raises(DataError, match=r"lacks \["):
        grader({"problem": "?"}, "")  # type: ignore[operator]


def test_a_truth_without_a_person_is_refused() -> None:
    with pytest.raises(DataError, match="no person"):
        knights_and_knaves({"answer": "?"}, RIGHT)


def rows(path: str) -> list[dict[str, object]]:
    if not (SHARED / path).exists():
        pytest.skip(f"{SHARED / path} is not here")
    return [json.loads(line) for line in (SHARED / path).read_text().splitlines()]


def test_every_stored_solution_is_right() -> None:
    for row in rows("benchmarks/countdown_rg42.jsonl"):
        assert countdown(row, f"<answer>{row['answer']}</answer>").correct, row["id"]
    for row in rows("benchmarks/kk_logicrl.jsonl"):
        assert knights_and_knaves(row, str(row["answer"])).correct, row["id"]


def test_roles_are_logic_rls() -> None:
    """Where Logic-RL's format rule is kept, its verdict on the roles is ours."""
    compared = 0
    for case in rows("golden/logic_rl.jsonl"):
        given, score = case["input"], case["output"]
        assert isinstance(given, dict)
        unread = case["note"] == "prompt: no marker, think"  # the prompt hides the response
        if score == -3 or unread or not given["ground_truth"]:
            continue
        verdict = knights_and_knaves({"answer": given["ground_truth"]}, given["response"])
        assert verdict.correct == (score == 3), case["case"]
        compared += 1
    assert compared > 80
