"""TTRL's rules, read by the recipe's reward and by conformance: right by the true label, for the
metrics, and right by the label that a group votes for, for training."""

from collections import Counter
from collections.abc import Sequence

from evals.grading import grade
from evals.grading.claimants.qwen import extracted
from harness.rewards import Sample, Score, Scored
from harness.rewards.boxed import gold_answers

GRADER = "mathd_sympy_tags"
"""Equal as normalised text or for sympy; it reads an answer between tags as it stands."""


def math(sample: Sample) -> Score:
    """1 when the extracted answer equals the true label: what accuracy counts, never trained on.

    Source: PRIME-RL/TTRL@3e2cc9376dc7486256f6021b37c4353d0e1abe2b:
    verl/verl/utils/reward_score/ttrl/qwen/qwen_eval.py
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
    """1 for the responses whose answer equals the one that most of the group gave.

    Answers are counted as text, also where there is none; the first of several winners counts.
    Source: PRIME-RL/TTRL@3e2cc9376dc7486256f6021b37c4353d0e1abe2b:
    verl/verl/utils/reward_score/ttrl/ttt_metrics.py; arXiv:2504.16084, section 2.2
    """
    answers = [extracted(one.sample.response) for one in group]
    label = Counter(answers).most_common(1)[0][0]
    return [float(same(answer, label)) for answer in answers]


def same(answer: str, gold: str) -> bool:
    """Are they equal for the grader?"""
    return grade(gold, f"<answer>{answer}</answer>", grader=GRADER).correct
