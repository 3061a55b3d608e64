"""Short-RL's rewards: its rule for mathematics, and the length bonuses of the method and of its
baseline; read by the recipes and by conformance.

Sources: lblankl/Short-RL@07cea8a39ecf1d7df8ea12ff7cff8b4cfb2c997b:
Logic-RL/verl/utils/reward_score/kk_shortrl.py, Logic-RL/verl/utils/reward_score/kk_kimi.py,
deepscaler/deepscaler/rewards/ShortRL.py
"""

from collections.abc import Sequence

from evals.grading import Item, grade_all
from harness.rewards import Batch, Sample, Score, Scored
from harness.rewards.boxed import unboxed_golds
from harness.rewards.framed_answer import framed_answer
from harness.rewards.lengths import length_of

RIGHT, WRONG, UNREAD = 2.0, -1.5, -2.0
"""Marks of an answer to a problem of mathematics."""
GRADER = "mathd_sympy_tags"
SHORTEST = 0.5
"""Bonus of the shortest response; the longest gets one less."""
EPSILON = 1e-5
"""Added to the range of lengths."""
BEST = "best_accuracy"
"""Name in the state: the highest accuracy of any step so far."""


def math(sample: Sample) -> Score:
    """3 for the gold as it stands in the answer tags, -0.5 for anything else there, -3 out of
    format or where nothing can be compared.

    As with puzzles the format earns or loses 1 and the answer adds 2, -1.5 or -2.
    """
    found, golds = framed_answer(sample), unboxed_golds(sample.ground_truth)
    if found.answer is None or not golds:
        return Score(
            value=UNREAD - 1.0,
            correct=False,
            extracted=found.answer,
            components={"format": -1.0, "answer": UNREAD},
        )
    item = Item(truth={"answer": golds}, response=f"<answer>{found.answer}</answer>")
    correct = grade_all([item], grader=GRADER, workers=1)[0].correct
    mark = RIGHT if correct else WRONG
    return Score(
        value=1.0 + mark,
        correct=correct,
        extracted=found.answer,
        components={"format": 1.0, "answer": mark},
    )


def short_while_accurate(
    batch: Batch, *, acc_tolerance: float, length_tolerance: int
) -> list[list[float]]:
    """The scores of a step, with a bonus for short right responses while accuracy holds.

    The bonus is given in steps whose accuracy over all responses comes within `acc_tolerance` of
    the best of any step, this one included; other steps keep the scores as they are.

    Args:
        batch: the step; its state keeps the best accuracy, so that a resumed run goes on with it.
        acc_tolerance: how far below the best the accuracy may fall, as a share of responses.
        length_tolerance: tokens above the shortest right response that cost nothing.
    """
    judged = [one.score.correct for group in batch.groups for one in group]
    accuracy = sum(judged) / len(judged)
    best = max(accuracy, batch.state.get(BEST, 0.0))
    batch.state[BEST] = best
    given = accuracy >= best - acc_tolerance
    return [
        [
            one.score.value + (bonus if given else 0.0)
            for one, bonus in zip(group, bonuses(group, length_tolerance), strict=True)
        ]
        for group in batch.groups
    ]


def bonuses(group: Sequence[Scored], length_tolerance: int) -> list[float]:
    """Of a group: by length among the right responses, nothing for the others."""
    right = [length_of(one.sample, "tokens") for one in group if one.score.correct]

    def bonus(one: Scored) -> float:
        if not one.score.correct:
            return 0.0
        length = length_of(one.sample, "tokens")
        near = length <= min(right) + length_tolerance
        return SHORTEST if near else relative(length, right)

    return [bonus(one) for one in group]


def short_as_in_kimi(group: Sequence[Scored]) -> list[float]:
    """The scores of a group with a bonus by length among all responses, of which a wrong response
    gets the negative part alone. In a group of equal lengths every right response gets 0.5."""
    lengths = [length_of(one.sample, "tokens") for one in group]
    terms = [relative(length, lengths) for length in lengths]
    return [
        one.score.value + (term if one.score.correct else min(0.0, term))
        for one, term in zip(group, terms, strict=True)
    ]


def relative(length: int, lengths: Sequence[int]) -> float:
    """From 0.5 for the shortest to -0.5 for the longest."""
    shortest, longest = min(lengths), max(lengths)
    return SHORTEST - (length - shortest) / (longest - shortest + EPSILON)
