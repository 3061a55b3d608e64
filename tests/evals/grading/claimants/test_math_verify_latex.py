"""open-r1's reading of golds and answers: which golds are read at all, and which answers count."""

import pytest

from evals.grading.claimants.math_verify_latex import UNREADABLE_GOLD, grade, grade_latex_gold


@pytest.mark.parametrize(
    ("gold", "readable", "as_latex"),
    [("7", True, False), ("$7$", True, True), ("no answer in words", False, False)],
)
def test_which_golds_are_read(gold: str, readable: bool, as_latex: bool) -> None:
    truth = {"answer": gold}
    assert (grade(truth, r"\boxed{7}").how != UNREADABLE_GOLD) is readable
    assert (grade_latex_gold(truth, r"\boxed{7}").how != UNREADABLE_GOLD) is as_latex


@pytest.mark.parametrize(
    ("response", "correct"),
    [(r"\boxed{7}", True), (r"$8$, no, \boxed{7}", True), ("7", False), (r"\boxed{8}", False)],
)
def test_only_latex_answers_count_and_boxes_come_first(response: str, correct: bool) -> None:
    assert grade({"answer": "$7$"}, response).correct is correct
    assert grade_latex_gold({"answer": "$7$"}, response).correct is correct


def test_a_gold_may_be_a_whole_solution_or_one_of_several() -> None:
    assert grade({"answer": "We add, so $x=7$."}, r"\boxed{7}").correct
    assert grade({"answer": ["$6$", "$7$"]}, r"\boxed{7}").correct
