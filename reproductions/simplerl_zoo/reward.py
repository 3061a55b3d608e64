"""SimpleRL-Zoo's two reward modes, read by the recipe and by conformance.

`mix` is what the published code runs: 1 for a right answer, 0 otherwise, box or no box. Upstream
switches to `independent` with the environment variable REWORD_FUNCTION_TYPE.

Source: hkust-nlp/simpleRL-reason@cf1c785:verl/utils/reward_score/hf_math_verify.py.
"""

import re
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict, grade
from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.turn import assistant_turn

BOX = re.compile(r"\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+\}")
"""A closed box with braces nested at most two deep inside it."""

INDEPENDENT = {(True, True): 1.0, (True, False): 0.5, (False, True): -0.5}
"""(right, in a box) -> value; what is neither earns the penalty."""


def mix(sample: Sample) -> Score:
    """1 for a right answer, wherever it stands, else 0."""
    verdict, in_box = judged(sample)
    return score(1.0 if verdict.correct else 0.0, verdict, in_box)


def independent(sample: Sample, no_box_penalty: float = -1.0) -> Score:
    """A right answer earns 1 in a box and 0.5 outside; a wrong one -0.5 in a box, else the penalty.

    Args:
        sample: the response.
        no_box_penalty: upstream's FORMAT_PENALTY_VALUE.
    """
    verdict, in_box = judged(sample)
    value = INDEPENDENT.get((verdict.correct, in_box), no_box_penalty)
    return score(value, verdict, in_box)


def judged(sample: Sample) -> tuple[Verdict, bool]:
    """The verdict on the assistant's turn, and whether it holds a closed box."""
    turn = assistant_turn(sample.prompt + sample.response)
    verdict = grade(gold_answer(sample.ground_truth), turn, grader="qwen_math_verify")
    return verdict, BOX.search(turn) is not None


def score(value: float, verdict: Verdict, in_box: bool) -> Score:
    """The score with its parts; both modes report the same ones."""
    return Score(
        value=value,
        correct=verdict.correct,
        extracted=verdict.extracted or None,
        components={"answer": float(verdict.correct), "boxed": float(in_box)},
    )


def gold_answer(ground_truth: Any) -> str:
    """The gold of a data row or of a golden case, as text."""
    gold = ground_truth.get("answer") if isinstance(ground_truth, Mapping) else ground_truth
    if not isinstance(gold, str | int | float):
        raise DataError(
            f"SimpleRL-Zoo's rewards: the ground truth is {ground_truth!r}; give the answer as "
            "text, or a mapping with the field 'answer' (data.ground_truth=[answer])"
        )
    return str(gold)
