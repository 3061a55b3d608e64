r"""LASER's rule for one response, read by the recipes' reward and by conformance: 1 for a right
answer, -0.5 for a wrong one, -1 without a box or a thinking part.

Source: hkust-nlp/Laser@c9e7c4ef18192212574c5f6709d67c74baea7605:
verl/utils/reward_score/hf_math_verifier.py
"""

import re

from evals.grading import grade
from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers

THINKING_BEGINS, THINKING_ENDS = "<think>", "</think>"
GRADER = "qwen_math_verify"
BOX = re.compile(r"\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}")
"""A closed box with braces nested at most twice."""
RIGHT, WRONG, MALFORMED = 1.0, -0.5, -1.0


def base(sample: Sample) -> Score:
    """The score before lengths are looked at.

    Both thinking tags must stand somewhere in the prompt or the response, and only the text from
    the first </think> to the second is read. `correct` is whether the answer is right, well-formed
    or not: what accuracy counts, upstream as well.
    """
    text = sample.prompt + sample.response
    answered = text.split(THINKING_ENDS)[1] if THINKING_ENDS in text else text
    verdicts = [grade(gold, answered, grader=GRADER) for gold in gold_answers(sample.ground_truth)]
    correct = any(verdict.correct for verdict in verdicts)
    boxed = BOX.search(answered) is not None
    thinking = THINKING_BEGINS in text and THINKING_ENDS in text
    value = (RIGHT if correct else WRONG) if boxed and thinking else MALFORMED
    return Score(
        value=value,
        correct=correct,
        extracted=verdicts[0].extracted if verdicts else None,
        components={"box": float(boxed), "thinking": float(thinking)},
    )
