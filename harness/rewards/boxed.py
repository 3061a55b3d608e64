r"""Boxed mathematics: right when the answer in the last \boxed{...} equals the gold for a grader;
recipes use `boxed` as it is or `graded` on the part of the text that their rule reads."""

from collections.abc import Mapping
from typing import Any

from evals.grading import grade
from evals.grading.claimants.boxes import last_box
from harness.errors import DataError
from harness.rewards import Sample, Score


def boxed(
    sample: Sample, *, grader: str = "reprise", right: float = 1.0, wrong: float = 0.0
) -> Score:
    r"""The score of a response; no box is as wrong as a wrong one.

    Args:
        sample: the response; its ground truth holds one answer or a list of accepted ones, as it
            is or in the field `answer`.
        grader: a name of evals.grading.GRADERS. It sees the box alone, so that an answer outside
            does not count, whatever else the grader would read.
        right: reward of a right answer.
        wrong: reward of everything else.

    Raises:
        ConfigError: there is no such grader.
        DataError: the ground truth has no field `answer`.
    """
    return graded(sample.response, sample.ground_truth, grader=grader, right=right, wrong=wrong)


def graded(
    text: str | None, ground_truth: Any, *, grader: str, right: float = 1.0, wrong: float = 0.0
) -> Score:
    """The score of a piece of text; as `boxed`. None, a part that is missing, has no box."""
    golds = gold_answers(ground_truth)
    box = None if text is None else last_box(text)
    correct = box is not None and any(
        grade(gold, f"\\boxed{{{box}}}", grader=grader).correct for gold in golds
    )
    return Score(
        value=right if correct else wrong,
        correct=correct,
        extracted=box,
        components={"box": float(box is not None), "answer": float(correct)},
    )


def gold_answers(ground_truth: Any) -> list[str]:
    """The accepted answers as text: a value, a list of values, or either in the field `answer`."""
    if isinstance(ground_truth, Mapping):
        if "answer" not in ground_truth:
            raise DataError(
                f"the ground truth has {', '.join(map(str, ground_truth)) or 'no fields'} and no "
                "'answer': map a field of that name (data.columns, data.ground_truth=[answer])"
            )
        ground_truth = ground_truth["answer"]
    if ground_truth is None:
        return []
    many = isinstance(ground_truth, list | tuple)
    return [str(gold) for gold in (ground_truth if many else [ground_truth])]


def unboxed_golds(ground_truth: Any) -> list[str]:
    r"""The accepted answers, those in a \boxed{...} taken out; one in an unreadable box is none."""
    golds = gold_answers(ground_truth)
    unboxed = [last_box(gold) if "\\boxed" in gold else gold for gold in golds]
    return [gold for gold in unboxed if gold is not None]
