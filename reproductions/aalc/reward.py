"""AALC's rewards: verl's rule for MATH, and a length term that waits until validation is accurate.

Source: du-nlp-lab/AALC@f12452d:verl/workers/reward_manager/length_reward.py (the formula, which
length_penalty.py, the class that runs there, has in comments), arXiv:2506.20160.
"""

import re
from collections.abc import Mapping
from typing import Any

from evals.grading import grade
from harness.errors import DataError
from harness.rewards import Batch, Sample, Score, Scored
from harness.rewards.boxed import gold_answers

ACCURACY = re.compile(r"val-core/.+/acc/mean@\d+")
"""verl's name for the mean accuracy of a validation, over all samples of a problem."""


def math(sample: Sample) -> Score:
    """1 when the last box is the gold as normalised text, else 0."""
    golds = gold_answers(sample.ground_truth)
    verdicts = [grade(gold, sample.response, grader="strict_box") for gold in golds]
    right = any(verdict.correct for verdict in verdicts)
    extracted = verdicts[0].extracted if verdicts else None
    return Score(value=float(right), correct=right, extracted=extracted)


def accuracy_gated(
    batch: Batch, *, target: float, beta: float, gamma: float, alpha: float, max_tokens: int
) -> list[list[float]]:
    """The rewards of a step under the accuracy of the latest validation; as they are before one.

    Args:
        batch: the responses, scored by `math`, and verl's metrics of that validation.
        target: accuracy at which the length counts fully.
        beta, gamma, alpha, max_tokens: as for `shaped`.

    Raises:
        DataError: the metrics hold no accuracy, or a response comes without its length.
    """
    if not batch.validation:
        return [[scored.score.value for scored in group] for group in batch.groups]
    reached = min(1.0, validation_accuracy(batch.validation) / target)
    batch.state["reached"] = reached
    return [
        [
            shaped(
                scored.score.value,
                length_of(scored),
                reached,
                beta=beta,
                gamma=gamma,
                alpha=alpha,
                max_tokens=max_tokens,
            )
            for scored in group
        ]
        for group in batch.groups
    ]


def shaped(
    base: float,
    tokens: int,
    reached: float,
    *,
    beta: float,
    gamma: float,
    alpha: float,
    max_tokens: int,
) -> float:
    """(gamma + (1 - gamma)(1 - a)) base + alpha (1 - min(a^beta, l)), l = tokens / max_tokens <= 1.

    Args:
        base: the reward for the answer.
        tokens: length of the response.
        reached: a, validation accuracy as a share of the target, at most 1.
        beta: how long the length waits: at a = 0.98 and beta = 128 it counts up to 7.5 % of the
            limit, at a = 0.9 up to a millionth.
        gamma: weight of the answer once the target is reached; 1 at a = 0.
        alpha: weight of the length term.
        max_tokens: length from which on it is 0.
    """
    attention = gamma + (1 - gamma) * (1 - reached)
    counted = min(float(reached**beta), tokens / max_tokens)
    return attention * base + alpha * (1 - counted)


def validation_accuracy(metrics: Mapping[str, Any]) -> float:
    """The first mean accuracy among verl's metrics, as upstream takes it."""
    found = next((value for name, value in metrics.items() if ACCURACY.fullmatch(name)), None)
    if found is None:
        raise DataError(
            f"the validation reported {', '.join(metrics)}, and no val-core/<task>/acc/mean@<n>, "
            "on which the length reward depends"
        )
    return float(found)


def length_of(scored: Scored) -> int:
    """Length of a response in tokens."""
    if scored.sample.response_tokens is None:
        raise DataError("the length reward needs the length of each response: give response_tokens")
    return scored.sample.response_tokens
