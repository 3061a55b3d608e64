"""ShorterBetter's rules, read by the recipe's reward and by conformance: a right box, and the
distance of a response from the best length of its group."""

from collections.abc import Sequence

from evals.grading.claimants.boxes import last_box_of_math
from evals.grading.claimants.strict_box import (
    slash_of_integers,
    undivided_form,
    without_marks,
    without_spacing,
)
from harness.rewards import Sample, Score, Scored
from harness.rewards.boxed import gold_answers
from harness.rewards.lengths import length_of


def boxed(sample: Sample) -> Score:
    r"""1 when the last box equals the gold as normalised text, wherever it stands, else 0.

    Source: JingyangYi/ShorterBetter@63993665fab94407b37893c4620bf1c6eab85272:
    verl/verl/workers/reward_manager/naive.py (verify_correctness)
    """
    extracted = last_box_of_math(sample.response)
    golds = gold_answers(sample.ground_truth)
    correct = extracted is not None and any(equal(extracted, gold) for gold in golds)
    return Score(
        value=float(correct),
        correct=correct,
        extracted=extracted,
        components={"box": float(extracted is not None)},
    )


def equal(given: str, gold: str) -> bool:
    r"""Same normal form; an answer without one, of which \pi/2 is one here, as it stands."""
    try:
        return normal_form(given) == normal_form(gold)
    except ValueError:
        return given == gold


def normal_form(text: str) -> str:
    r"""That of the MATH evaluation in lm-eval's copy.

    Raises:
        ValueError: the answer ends in \frac or \sqrt, names two units, or divides what are no
            integers by a slash.
    """
    return slash_of_integers(undivided_form(without_marks(without_spacing(text))))


def around_best_length(
    group: Sequence[Scored], *, right: float = 2.0, penalty_per_token: float = 0.001
) -> list[float]:
    """right * correct - penalty_per_token * |tokens - best|, for the members of one group.

    The best length is that of the shortest right response, or the group's mean length where none
    is right (arXiv:2504.21370, section 3).

    Raises:
        DataError: the length of a response in tokens is not known.
    """
    lengths = [length_of(one.sample, "tokens") for one in group]
    right_lengths = [n for n, one in zip(lengths, group, strict=True) if one.score.correct]
    best = min(right_lengths) if right_lengths else sum(lengths) / len(lengths)
    return [
        right * one.score.correct - penalty_per_token * abs(tokens - best)
        for tokens, one in zip(lengths, group, strict=True)
    ]
