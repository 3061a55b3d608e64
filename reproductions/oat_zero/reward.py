"""oat-zero's countdown rule, read by the recipe's reward and by conformance.

Source: sail-sg/oat-zero@2c1661b:training/countdown.py.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.countdown import reaches
from harness.rewards.extraction import last_line, last_tagged

FULL_MARKS = 1.0
FORMAT_MARK = 0.1


def countdown(sample: Sample, *, cut_at: Sequence[str] = ()) -> Score:
    """Reach the target with every given number exactly once: 1; an answer that is wrong: 0.1.

    The answer counts only on the last line of the response, so a newline behind it costs
    everything. An expression whose value cannot be computed earns the format mark; that includes
    power towers such as 9**9**9, on which the upstream scorer does not return.

    Args:
        sample: the response; the ground truth has the fields `target` and `numbers`, or holds
            them as JSON text in `gt_answer`, the column of upstream's data set.
        cut_at: texts from which on the response does not count: the stop texts of the sampling,
            which upstream's engine leaves out of the text that it hands to the scorer.

    Raises:
        DataError: the ground truth has another form.
    """
    target, numbers = problem(sample.ground_truth)
    answer = last_tagged(last_line(before_any(sample.response, cut_at)), "answer")
    if answer is None:
        return Score(value=0.0, correct=False, components={"format": 0.0, "answer": 0.0})
    correct = reaches(answer, target, numbers)
    return Score(
        value=FULL_MARKS if correct else FORMAT_MARK,
        correct=correct,
        extracted=answer,
        components={"format": 1.0, "answer": float(correct)},
    )


def before_any(text: str, ends: Sequence[str]) -> str:
    """What precedes the first of the given texts."""
    places = [place for end in ends if (place := text.find(end)) >= 0]
    return text[: min(places)] if places else text


def problem(ground_truth: Any) -> tuple[Any, Any]:
    """Target and numbers of a problem."""
    found = ground_truth
    if isinstance(found, Mapping) and isinstance(found.get("gt_answer"), str):
        try:
            found = json.loads(found["gt_answer"])
        except json.JSONDecodeError:
            found = None
    if not isinstance(found, Mapping) or not {"target", "numbers"} <= found.keys():
        raise DataError(
            f"countdown: the ground truth is {ground_truth!r}; give a mapping with the fields "
            "'target' and 'numbers', or with both as JSON text in 'gt_answer' "
            "(data.ground_truth=[gt_answer])"
        )
    return found["target"], found["numbers"]
