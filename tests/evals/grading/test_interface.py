"""The names of evals.grading: every grader loads, is told apart by its version, and answers."""

import pytest

from evals.grading import GRADERS, Verdict, grade, graders, lookup, version

MATHEMATICS = [name for name in GRADERS if name not in ("countdown", "knights_and_knaves")]
TAGGED = ("orz", "dr_grpo_tags", "dr_grpo_tags_fast")
"""Graders that read nothing but a box in answer tags."""
PLAIN_TAGGED = ("mathd_sympy_tags",)
"""Graders that read what answer tags hold as it stands."""


@pytest.mark.parametrize("name", graders())
def test_every_grader_can_be_imported(name: str) -> None:
    assert callable(lookup(name))


def test_versions_are_stable_and_differ_where_other_sources_decide() -> None:
    assert version("reprise") == version("reprise")
    assert len(version("reprise")) == 64
    assert version("reprise") != version("qwen")


@pytest.mark.slow
@pytest.mark.parametrize("name", MATHEMATICS)
def test_every_mathematical_grader_answers_from_a_worker(name: str) -> None:
    response = "3 + 4 = 7.\n#### 7\nFinal Answer: The final answer is $7$. I hope it is correct.\n"
    response += "\\boxed{7}\nAnswer: 7"
    if name in TAGGED:
        response = "3 + 4 = 7 </think> <answer> \\boxed{7} </answer>"
    if name in PLAIN_TAGGED:
        response = "3 + 4 = 7 </think> <answer> 7 </answer>"
    form = "${}$" if name == "math_verify_latex_gold" else "{}"  # it reads golds in LaTeX only
    verdict = grade(form.format(7), response, grader=name)
    assert isinstance(verdict, Verdict)
    assert verdict.correct, verdict
    assert not grade(form.format(8), response, grader=name).correct
