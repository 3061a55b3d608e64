"""Answers wherever a response states them (a box, a phrase, the last number), each a text that a
grader compares; recipes use `stated` for one response and `majority` for a group that votes."""

from collections import Counter
from collections.abc import Sequence

from evals.grading import grade
from evals.grading.claimants.qwen import extracted
from harness.rewards import Sample, Score, Scored
from harness.rewards.boxed import gold_answers

GRADER = "mathd_sympy_tags"
"""Equal as normalised text or for sympy; it reads an answer between tags as it stands."""


def stated(sample: Sample) -> Score:
    """1 when the answer in its normal form equals a gold.

    Source: QwenLM/Qwen2.5-Math evaluation/parser.py (extraction), openai/prm800k (equality).
    """
    answer = extracted(sample.response)
    correct = any(same(answer, gold) for gold in gold_answers(sample.ground_truth))
    return Score(
        value=float(correct),
        correct=correct,
        extracted=answer or None,
        components={"answered": float(bool(answer))},
    )


def majority(group: Sequence[Scored]) -> list[float]:
    """1 for the responses whose extracted answer equals the one that most of the group gave.

    Answers are counted as text, also where there is none; the first of several winners counts.
    Source: arXiv:2504.16084, section 2.2
    """
    answers = [one.score.extracted or "" for one in group]
    label = Counter(answers).most_common(1)[0][0]
    return [float(same(answer, label)) for answer in answers]


def same(answer: str, gold: str) -> bool:
    """Are they equal for the grader?"""
    return grade(gold, f"<answer>{answer}</answer>", grader=GRADER).correct
