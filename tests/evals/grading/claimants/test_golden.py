"""Each claimant's grader gives upstream's own verdict on the cases recorded from upstream.

| cases | grader |
|---|---|
| deepscaler math, l1 plain | mathd_sympy.equal on the last box |
| dr_grpo boxed_fast, r1_fast, boxed_math_verify | dr_grpo, for boxes or tags, fast or not |
| open_reasoner_zero math | orz, where a stop ended the response |
| simplerl_reason box_score | qwen on the cut response |
| simplerl_zoo mix and independent | qwen.extracted, then math_verify.equal |
| dapo math_dapo; math_dapo_strict_box and justrl | dapo; dapo.strict_box |
| skywork_or1 math | math_verify on what follows </think> |
"""

from typing import Any

import pytest

from evals.grading import Grader
from evals.grading.claimants import dapo, dr_grpo, math_verify, mathd_sympy, orz, qwen
from evals.grading.claimants.boxes import last_box
from tests.evals.grading.claimants.golden_cases import (
    accepted_as,
    before_stop,
    differing,
    golden,
)

Case = dict[str, Any]


def after_think(case: Case) -> str | None:
    """The part of a response that DeepScaleR grades; None without both tags."""
    text = case["input"]["prompt"] + case["input"]["response"]
    return text.split("</think>")[1] if "<think>" in text and "</think>" in text else None


@pytest.mark.parametrize(("project", "function"), [("deepscaler", "math"), ("l1", "plain")])
def test_mathd_sympy_is_deepscalers(project: str, function: str) -> None:
    def accepted(case: Case) -> bool:
        box = last_box(after_think(case) or "")
        return box is not None and any(mathd_sympy.equal(box, g) for g in accepted_as(case))

    cases = golden(project, function)
    assert differing([(case, accepted(case), case["output"] == 1) for case in cases]) == []


@pytest.mark.parametrize(
    ("function", "grade"),
    [
        ("boxed_fast", dr_grpo.grade_fast),
        ("r1_fast", dr_grpo.grade_tags_fast),
        pytest.param("boxed_math_verify", dr_grpo.grade, marks=pytest.mark.slow),
    ],
)
def test_dr_grpo_is_dr_grpos(function: str, grade: Grader) -> None:
    def accepted(case: Case) -> bool:
        return grade({"answer": case["input"]["ground_truth"]}, case["input"]["response"]).correct

    cases = golden("dr_grpo", function)
    assert differing([(case, accepted(case), case["output"] == 1) for case in cases]) == []


def test_orz_is_open_reasoner_zeros() -> None:
    def accepted(case: Case) -> bool:
        given = case["input"]
        right = orz.grade({"answer": given["ground_truth"]}, given["response"]).correct
        return right and given["stop_reason"] == "stop"

    cases = golden("open_reasoner_zero", "math")
    assert differing([(case, accepted(case), case["output"] == 1) for case in cases]) == []


def test_qwen_is_simplerl_reasons() -> None:
    def accepted(case: Case) -> bool:
        text = before_stop(case["input"]["response"])
        return "boxed" in text and qwen.equal(qwen.extracted(text), case["input"]["ground_truth"])

    cases = golden("simplerl_reason", "box_score")
    assert differing([(case, accepted(case), case["output"] == 1) for case in cases]) == []


@pytest.mark.slow
def test_qwens_extraction_with_math_verify_is_simplerl_zoos() -> None:
    def accepted(case: Case) -> bool:
        given = qwen.extracted(before_stop(case["input"]["response"]))
        return math_verify.equal(given, case["input"]["ground_truth"])

    cases = golden("simplerl_zoo", "mix", "independent")
    assert differing([(case, accepted(case), case["output"] > 0) for case in cases]) == []


@pytest.mark.slow
def test_math_verify_is_skyworks() -> None:
    def accepted(case: Case) -> bool:
        text = case["input"]["response"]
        given = math_verify.parsed(text.split("</think>")[1] if "</think>" in text else text)
        return len(given) > 1 and any(
            given[1] == gold
            or math_verify.verified(math_verify.parsed(f"\\boxed{{{gold}}}"), given)
            for gold in accepted_as(case)
        )

    cases = golden("skywork_or1", "math")
    assert differing([(case, accepted(case), case["output"] == 1) for case in cases]) == []


def test_dapo_is_dapos() -> None:
    def accepted(case: Case) -> bool:
        truth = {"answer": case["input"]["ground_truth"]}
        return dapo.grade(truth, case["input"]["response"]).correct

    cases = golden("dapo", "math_dapo")
    assert differing([(case, accepted(case), case["output"] == 1) for case in cases]) == []


@pytest.mark.parametrize(
    ("project", "function"), [("dapo", "math_dapo_strict_box"), ("justrl", "strict_box")]
)
def test_strict_box_of_dapo_is_justrls(project: str, function: str) -> None:
    def accepted(case: Case) -> bool:
        return dapo.strict_box(case["input"]["response"]) == case["input"]["ground_truth"]

    cases = golden(project, function)
    assert differing([(case, accepted(case), case["output"] == 1) for case in cases]) == []
