"""ThinkPrune's rule, read by the recipe and by conformance: 1 for a stated right answer, else 0.

Nothing is said about length: a response that hits the limit lacks its answer and earns nothing.
Source: UCSB-NLP-Chang/ThinkPrune@0f7449b194616d8d9cc2031bf45d863b5cbd4937:
verl/utils/reward_score/qwen_math.py
"""

from evals.grading import grade
from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers

GRADER = "qwen_stated"


def math(sample: Sample) -> Score:
    """State an answer that Qwen2.5-Math's evaluation takes for the gold; the last number is none.

    Answer and gold are compared in their normal form. What runs into the grader's time limit is
    wrong.
    """
    (gold,) = gold_answers(sample.ground_truth)
    verdict = grade(gold, sample.response, grader=GRADER)
    return Score(
        value=float(verdict.correct),
        correct=verdict.correct,
        extracted=verdict.extracted,
        components={"stated": float(verdict.extracted is not None)},
    )
