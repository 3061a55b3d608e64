"""TinyZero's two scoring rules, read by the recipe's reward and by conformance.

Both read the prompt and the response as one text. Full marks are 1.0, an answer that is there but
wrong earns the format mark of 0.1, and no answer earns 0.
"""

from collections.abc import Mapping
from typing import Any

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.countdown import reaches
from harness.rewards.extraction import after_first, last_line, last_tagged

FULL_MARKS = 1.0
FORMAT_MARK = 0.1


def countdown(sample: Sample) -> Score:
    """Reach the target with every given number exactly once.

    The answer counts only on the very last line of the text, so a newline behind it costs
    everything. Digit runs are the numbers used: 1.5 uses a 1 and a 5. Powers and // are allowed.
    An expression whose value cannot be computed earns the format mark; that includes power towers
    such as 9**9**9, on which the upstream scorer does not return.
    """
    target, numbers = countdown_problem(sample.ground_truth)
    spoken = after_first(sample.prompt + sample.response, "Assistant:", "<|im_start|>assistant")
    answer = None if spoken is None else last_tagged(last_line(spoken), "answer")
    return graded(answer, answer is not None and reaches(answer, target, numbers))


def multiply(sample: Sample) -> Score:
    """Name the product; an answer that is not an integer counts as none.

    Unlike countdown, the answer may stand on any line, and only the marker 'Assistant:' is known.
    Integers are what Python's int() reads: signs, leading zeros, underscores between digits and
    the digits of other scripts are fine.
    """
    product = integer(expected_product(sample.ground_truth))
    if product is None:
        raise DataError(
            f"multiply: the ground truth {sample.ground_truth!r} is no integer; "
            "give an integer or a mapping with the field 'product'"
        )
    spoken = after_first(sample.prompt + sample.response, "Assistant:")
    answer = None if spoken is None else last_tagged(spoken, "answer")
    value = integer(answer)
    return graded(None if value is None else answer, value == product)


def graded(answer: str | None, correct: bool) -> Score:
    """The score of an answer, or of none."""
    if answer is None:
        return Score(value=0.0, correct=False, components={"format": 0.0, "answer": 0.0})
    return Score(
        value=FULL_MARKS if correct else FORMAT_MARK,
        correct=correct,
        extracted=answer,
        components={"format": 1.0, "answer": float(correct)},
    )


def countdown_problem(ground_truth: Any) -> tuple[Any, Any]:
    """Target and numbers of a problem."""
    if not isinstance(ground_truth, Mapping) or not {"target", "numbers"} <= ground_truth.keys():
        raise DataError(
            f"countdown: the ground truth is {ground_truth!r}; give a mapping with the fields "
            "'target' and 'numbers' (data.ground_truth=[target,numbers])"
        )
    return ground_truth["target"], ground_truth["numbers"]


def expected_product(ground_truth: Any) -> Any:
    """The product as the data set or a golden case states it."""
    return ground_truth.get("product") if isinstance(ground_truth, Mapping) else ground_truth


def integer(value: Any) -> int | None:
    """What int() reads in a value; None where it refuses."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
