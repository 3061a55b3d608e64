"""SimpleRL-Reason's box reward, read by the recipe and by conformance.

1 for a right answer, -0.5 for a wrong one, and -1 whenever the word "boxed" does not occur: the
last rule wins even over a right answer.

Source: hkust-nlp/simpleRL-reason@2702a87:train/openrlhf/trainer/ppo_utils/experience_maker.py.
"""

from collections.abc import Mapping
from typing import Any

from evals.grading import grade
from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.turn import assistant_turn

RIGHT = 1.0
WRONG = -0.5
NO_BOX = -1.0


def box(sample: Sample) -> Score:
    """Qwen2.5-Math's extraction and equality on the assistant's turn.

    The gold is compared as it stands, without the normal form that the answer gets. What runs into
    the grader's time limit counts as wrong.
    """
    gold = gold_answer(sample.ground_truth)
    turn = assistant_turn(sample.prompt + sample.response)
    verdict = grade(gold, turn, grader="qwen_raw_gold")
    boxed = "boxed" in turn
    value = NO_BOX if not boxed else RIGHT if verdict.correct else WRONG
    return Score(
        value=value,
        correct=verdict.correct,
        extracted=verdict.extracted or None,
        components={"answer": float(verdict.correct), "boxed": float(boxed)},
    )


def gold_answer(ground_truth: Any) -> str:
    """The gold of a data row or of a golden case, as text."""
    gold = ground_truth.get("answer") if isinstance(ground_truth, Mapping) else ground_truth
    if not isinstance(gold, str | int | float):
        raise DataError(
            f"box: the ground truth is {ground_truth!r}; give the answer as text, or a mapping "
            "with the field 'answer' (data.ground_truth=[answer])"
        )
    return str(gold)
