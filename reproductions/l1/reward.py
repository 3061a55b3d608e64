r"""L1's rules (LCPO): a right box behind the thinking part, and the length that the prompt asks
for; read by the recipes and by conformance.

A budget N > 0 is a target, N < 0 a maximum of |N| tokens, and -1 no budget. The length is that of
the whole response in tokens, the end token included.
Source: cmu-l3/l1@93dd330102f49450e1bc8227ad8979f8b5482e44:math_reward.py; arXiv:2503.04697.
"""

from collections.abc import Mapping
from dataclasses import replace

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.boxed import graded
from harness.rewards.lengths import deviation, headroom, length_of, logistic

THINKING_ENDS = "</think>"
GRADER = "mathd_sympy"
NO_BUDGET = -1
KEPT_MAXIMUM = 0.1
"""What the sigmoid gives for a maximum that was kept."""


def lcpo(sample: Sample, *, alpha: float, at_most_alpha: float) -> Score:
    """What the recipes train with: targets add a penalty, maxima weigh the answer.

    A target N earns 1[right] - alpha |n - N| with n tokens, a maximum of M tokens
    1[right] * (1 + clip(at_most_alpha (M - n), -1, 1)) / 2.
    """
    tokens = budget_of(sample)
    if tokens > 0:
        return linear(sample, num_tokens=tokens, alpha=alpha)
    return linear_mult(sample, num_tokens=tokens, alpha=at_most_alpha)


def linear(sample: Sample, *, num_tokens: int, alpha: float) -> Score:
    """The answer plus a straight line: down on both sides of a target, down past a maximum."""
    return judged(sample, num_tokens, straight(sample, num_tokens, alpha), product=False)


def linear_mult(sample: Sample, *, num_tokens: int, alpha: float) -> Score:
    """The answer times that line where it is positive; at a target it never is, so all earn 0."""
    return judged(sample, num_tokens, straight(sample, num_tokens, alpha), product=True)


def sigmoid(sample: Sample, *, num_tokens: int, alpha: float) -> Score:
    """The answer plus a sigmoid. At a target it grows with the distance, as upstream's does."""
    return judged(sample, num_tokens, bent(sample, num_tokens, alpha), product=False)


def sigmoid_mult(sample: Sample, *, num_tokens: int, alpha: float) -> Score:
    """The answer times that sigmoid."""
    return judged(sample, num_tokens, bent(sample, num_tokens, alpha), product=True)


def plain(sample: Sample, *, num_tokens: int, alpha: float) -> Score:
    """The answer alone, which is what upstream's code gives when no flag is set."""
    return judged(sample, NO_BUDGET, straight(sample, num_tokens, alpha), product=False)


def straight(sample: Sample, budget: int, alpha: float) -> float:
    """The line: a penalty for missing a target, what is left below a maximum from 0 to 1."""
    length = length_of(sample, "tokens")
    if budget > 0:
        return deviation(length, budget, alpha=alpha)
    return headroom(length, -budget, alpha=alpha)


def bent(sample: Sample, budget: int, alpha: float) -> float:
    """The sigmoid of the distance from a target, or of the room below a maximum."""
    length = length_of(sample, "tokens")
    if budget > 0:
        return logistic(alpha * abs(length - budget))
    return logistic(alpha * (-budget - length)) + KEPT_MAXIMUM * (length <= -budget)


def judged(sample: Sample, budget: int, shape: float, *, product: bool) -> Score:
    """The score of the answer with the value of its length added or multiplied."""
    score = answered(sample)
    right = float(score.correct)
    value = right * max(0.0, shape) if product else right + shape
    return replace(
        score,
        value=right if budget == NO_BUDGET else value,
        components={**score.components, "length": shape},
    )


def answered(sample: Sample) -> Score:
    """1 for a right box between the first and the second </think> of prompt and response.

    Only the closing tag is needed.
    """
    _, *behind = (sample.prompt + sample.response).split(THINKING_ENDS)
    score = graded(behind[0] if behind else None, sample.ground_truth, grader=GRADER)
    return replace(score, components={"thinking": float(bool(behind)), **score.components})


def budget_of(sample: Sample) -> int:
    """The row's budget.

    Raises:
        DataError: the data option draws none.
    """
    truth = sample.ground_truth
    if not isinstance(truth, Mapping) or not isinstance(truth.get("budget"), int):
        raise DataError(
            f"lcpo: the ground truth is {truth!r:.80}; it needs the whole number 'budget': set "
            "data.budget, and data.ground_truth=[answer, budget]"
        )
    return int(truth["budget"])
