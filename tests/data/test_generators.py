"""The generators: disjoint splits, determinism, solvable problems, clear refusals."""

import itertools
import re
from typing import Any

import pytest

from evals.grading import grade
from harness.data.generators import (
    GENERATORS,
    arithmetic,
    countdown,
    countdown_problem,
    knights_and_knaves,
)
from harness.data.generators.puzzles import quiz_of
from harness.errors import DataError

SMALL: dict[str, Any] = {
    "min_numbers": 3,
    "max_numbers": 3,
    "min_value": 1,
    "max_value": 20,
    "min_target": 1,
    "max_target": 60,
    "operators": ["+", "-"],
}
FULL: dict[str, Any] = {
    **SMALL,
    "max_numbers": 4,
    "max_target": 99,
    "operators": ["+", "-", "*", "/"],
}


def reachable(values: tuple[float, ...]) -> set[float]:
    """Every value of an expression that uses all the given values once."""
    if len(values) == 1:
        return {values[0]}
    results: set[float] = set()
    for i, j in itertools.permutations(range(len(values)), 2):
        rest = tuple(v for k, v in enumerate(values) if k not in (i, j))
        a, b = values[i], values[j]
        for made in (a + b, a - b, a * b, *([a / b] if b else [])):
            results |= reachable((made, *rest))
    return results


def test_registry_names_the_generators() -> None:
    assert GENERATORS["countdown"] is countdown
    assert GENERATORS["knights_and_knaves"] is knights_and_knaves
    assert GENERATORS["arithmetic"] is arithmetic


def test_splits_are_disjoint_as_problems() -> None:
    train = {countdown_problem(r) for r in countdown(100, seed=1, split="train", **SMALL)}
    test = {countdown_problem(r) for r in countdown(30, seed=2, split="test", **SMALL)}
    assert len(train) == 100
    assert len(test) == 30
    assert not train & test


def test_same_seed_same_rows_other_seed_other_rows() -> None:
    first = countdown(50, seed=3, split="train", **SMALL)
    assert first == countdown(50, seed=3, split="train", **SMALL)
    neighbour = countdown(50, seed=4, split="train", **SMALL)
    assert sum(row in first for row in neighbour) < 10


@pytest.mark.parametrize("ranges", [SMALL, FULL])
def test_rows_are_solvable_and_in_range(ranges: dict[str, Any]) -> None:
    for row in countdown(40, seed=5, split="train", **ranges):
        assert set(row) == {"numbers", "target"}
        assert ranges["min_numbers"] <= len(row["numbers"]) <= ranges["max_numbers"]
        assert ranges["min_target"] <= row["target"] <= ranges["max_target"]
        hits = [v for v in reachable(tuple(row["numbers"])) if abs(v - row["target"]) < 1e-9]
        assert hits, row


def test_train_rows_repeat_only_when_the_pool_is_exhausted() -> None:
    tiny = {**SMALL, "max_value": 3, "max_target": 9}
    rows = countdown(200, seed=6, split="train", **tiny)
    assert len(rows) == 200
    different = len({countdown_problem(row) for row in rows})
    assert different < 200
    assert len({countdown_problem(row) for row in rows[:different]}) == different


def test_too_many_test_rows_are_refused() -> None:
    tiny = {**SMALL, "max_value": 3, "max_target": 9}
    with pytest.raises(DataError, match="different test problems"):
        countdown(200, seed=6, split="test", **tiny)


def test_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match="split"):
        countdown(1, seed=0, split="validation", **SMALL)


CALCULATIONS: dict[str, Any] = {"max_value": 9, "operators": ["+", "-", "*"]}


@pytest.mark.parametrize(
    ("generator", "text", "seeds", "arguments"),
    [
        (knights_and_knaves, "quiz", (1, 2), {"people": 2}),
        (arithmetic, "problem", (0, 0), CALCULATIONS),
        (arithmetic, "problem", (1, 2), CALCULATIONS),
    ],
)
def test_training_and_held_out_problems_differ_whatever_the_seeds(
    generator: Any, text: str, seeds: tuple[int, int], arguments: dict[str, Any]
) -> None:
    train = {row[text] for row in generator(60, seed=seeds[0], split="train", **arguments)}
    test = {row[text] for row in generator(20, seed=seeds[1], split="test", **arguments)}
    assert (len(train), len(test)) == (60, 20)
    assert not train & test


def test_calculations_repeat_only_when_the_pool_is_exhausted() -> None:
    with pytest.raises(DataError, match="arithmetic: 2000 different test problems"):
        arithmetic(2000, seed=1, split="test", **CALCULATIONS)
    many = arithmetic(900, seed=1, split="train", **CALCULATIONS)
    assert len({row["problem"] for row in many}) < len(many) == 900


def solutions(quiz: str, names: list[str]) -> list[str]:
    """All solutions of a puzzle whose statements are of the kinds read here, by trying all."""
    said = STATEMENT.findall(quiz)
    found = []
    for roles in itertools.product([True, False], repeat=len(names)):
        is_knight = dict(zip(names, roles, strict=True))
        if all(is_knight[who] == truth(what, is_knight) for who, what in said):
            found.append(
                "\n".join(
                    f"({n}) {name} is a {'knight' if is_knight[name] else 'knave'}"
                    for n, name in enumerate(names, start=1)
                )
            )
    return found if len(said) == len(names) else []


STATEMENT = re.compile(
    r"(?:\. |As )(\w+)(?: said,| remarked,| commented,| noted,| put it,) \"([^\"]*?)[.]?\""
)


def truth(what: str, is_knight: dict[str, bool]) -> bool:
    """Whether "A is a knight and B is a knave" holds."""
    for word, joined in ((" if and only if ", bool.__eq__), (" and ", bool.__and__)):
        if word in what:
            left, right = what.split(word)
            return bool(joined(truth(left, is_knight), truth(right, is_knight)))
    if " or " in what:
        return any(truth(part, is_knight) for part in what.split(" or "))
    name, _, _, role = what.split()
    return is_knight[name] == (role == "knight")


def test_puzzles_have_the_solution_that_trying_all_finds() -> None:
    rows = knights_and_knaves(120, seed=3, split="train", people=2)
    read = 0
    for row in rows:
        assert set(row) == {"quiz", "names", "solution_text_format"}
        if "if " in row["quiz"].replace("if and only if", "") or "(" in row["quiz"]:
            continue
        if found := solutions(row["quiz"], row["names"]):
            assert found == [row["solution_text_format"]], row
            read += 1
    assert read > 5


def test_puzzles_speak_of_knights_and_knaves_only() -> None:
    rows = knights_and_knaves(40, seed=5, split="test", people=[3, 4])
    assert [len(row["names"]) for row in rows[:4]] == [3, 4, 3, 4]
    for row in rows:
        assert row["quiz"].startswith(
            "A very special island is inhabited only by knights and knaves. Knights always tell "
            f"the truth, and knaves always lie. You meet {len(row['names'])} inhabitants: "
        )
        assert row["quiz"].endswith("So who is a knight and who is a knave?")
        assert not re.search(r"\b(an|\w*(hero|saint|sage|angel|devil|fool)s?)\b", row["quiz"])


def test_another_pair_of_words_is_replaced_with_its_article() -> None:
    terms = {
        "knight": "angel", "knave": "devil", "a_knight": "an angel", "a_knave": "a devil",
        "Knight": "Angel", "Knave": "Devil",
    }  # fmt: skip
    quiz = "by angels and devils. Angels tell, devils lie. Ann: Bo is an angel or a devil."
    item = {"question": f'{quiz} (Format your answer like: "x")'}
    assert quiz_of({**item, "metadata": {"knight_knave_terms": terms}}) == (
        "by knights and knaves. Knights tell, knaves lie. Ann: Bo is a knight or a knave."
    )


@pytest.mark.parametrize("people", [1, [], [3, 0]])
def test_too_few_people_are_refused(people: Any) -> None:
    with pytest.raises(DataError, match="give a number from 2 up"):
        knights_and_knaves(4, seed=1, split="train", people=people)


def test_calculations_are_right_and_a_grader_reads_them() -> None:
    rows = arithmetic(60, seed=2, split="train", max_value=20, operators=["+", "-", "*"])
    for row in rows:
        first, sign, second = row["problem"].removeprefix("What is ").removesuffix("?").split()
        values = {"+": int(first) + int(second), "-": int(first) - int(second),
                  "*": int(first) * int(second)}  # fmt: skip
        assert row["answer"] == str(values[sign]) and int(row["answer"]) >= 0
    assert grade(rows[0]["answer"], f"So it is \\boxed{{{rows[0]['answer']}}}.").correct


def test_a_calculation_in_another_order_is_the_same_problem() -> None:
    rows = arithmetic(300, seed=4, split="train", max_value=40, operators=["+"])
    pairs = [tuple(sorted(row["problem"].split()[2:5:2])) for row in rows]
    assert len(set(pairs)) == 300


@pytest.mark.parametrize(
    "arguments", [{"operators": []}, {"operators": ["/"]}, {"min_value": 5, "max_value": 4}]
)
def test_empty_ranges_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"arithmetic: min_value=.*some of \+ - \*"):
        arithmetic(4, seed=1, split="train", **arguments)
