"""TRPA's preference levels, from 1 for right to 4 for out of format, beside the usual scores; read
by the recipe and by conformance. Training ranks by the level alone.

Sources: XueruiSu/Trust-Region-Preference-Approximation@f372585ed6ec230aa354feb9c8e24e970b615846:
verl/utils/reward_score/kk.py, verl/utils/reward_score/deepscaler/rewards/math_reward_pl.py
"""

from dataclasses import replace
from typing import Any

from harness.rewards import Sample, Score
from harness.rewards.boxed import graded, unboxed_golds
from harness.rewards.knights_and_knaves import WRONG, tagged_roles

RIGHT_LEVEL, WRONG_LEVEL, UNREAD_LEVEL, FORMAT_LEVEL = 1, 2, 3, 4
MATH_SCORES = {RIGHT_LEVEL: 3.0, WRONG_LEVEL: -0.5, UNREAD_LEVEL: -1.0, FORMAT_LEVEL: -3.0}
THINKING_BEGINS, THINKING_ENDS = "<think>", "</think>"
GRADER = "mathd_sympy"


def kk(sample: Sample) -> Score:
    """Knights and knaves: all roles right, a wrong one, unreadable, and out of format or empty."""
    score = tagged_roles(sample)
    if score.correct:
        level = RIGHT_LEVEL
    elif score.components["answer"] == WRONG:
        level = WRONG_LEVEL
    else:
        level = UNREAD_LEVEL if score.extracted else FORMAT_LEVEL
    return replace(score, components={**score.components, "level": float(level)})


def math(sample: Sample) -> Score:
    r"""Mathematics: right, wrong, an empty box or no gold, and no thinking tags or no box.

    Only the text from the first </think> to the second counts, and only the first of several golds.
    """
    text = sample.prompt + sample.response
    framed = THINKING_BEGINS in text and THINKING_ENDS in text
    solution = text.split(THINKING_ENDS)[1] if framed else None
    golds = unboxed_golds(sample.ground_truth)[:1]
    found = graded(solution, {"answer": golds}, grader=GRADER)
    if found.extracted is None:
        level = FORMAT_LEVEL
    elif found.extracted == "" or not golds:
        level = UNREAD_LEVEL
    else:
        level = RIGHT_LEVEL if found.correct else WRONG_LEVEL
    correct = level == RIGHT_LEVEL
    return replace(
        found,
        value=MATH_SCORES[level],
        correct=correct,
        components={**found.components, "level": float(level)},
    )


def kk_and_level(prompt: str, response: str, ground_truth: Any) -> list[float]:
    """Score and level of one response to a puzzle, as upstream returns them; for conformance."""
    return with_level(kk(Sample(prompt=prompt, response=response, ground_truth=ground_truth)))


def math_and_level(prompt: str, response: str, ground_truth: Any) -> list[float]:
    """Score and level of one response to a problem; for conformance."""
    return with_level(math(Sample(prompt=prompt, response=response, ground_truth=ground_truth)))


def with_level(score: Score) -> list[float]:
    """[score, level]."""
    return [score.value, score.components["level"]]
