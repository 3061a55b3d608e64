"""Open R1's reward functions by their upstream names, of which the recipe sums three; conformance
reads all of them. Lengths count characters of the completion, as upstream.

Source: huggingface/open-r1@1416fa0:src/open_r1/rewards.py
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evals.grading import Verdict, grade
from evals.grading.claimants.math_verify_latex import UNREADABLE_GOLD
from harness.errors import ConfigError, DataError
from harness.rewards import Sample, Score, Scored
from harness.rewards.lengths import cosine as cosine_at
from harness.rewards.lengths import relative
from harness.rewards.overlong import overlong_penalty
from harness.rewards.repetition import repeated_share
from harness.rewards.tags import framed, once

OPENING, TURN, CLOSING = "<think>\n", "\n</think>\n<answer>\n", "\n</answer>"
COUNTED = ("<think>\n", "\n</think>\n", "\n<answer>\n", "\n</answer>")
TAG_MARK = 0.25
STEP = re.compile(r"Step \d+:|\A\d+\.|\n-|\n\*|First,|Second,|Next,|Finally,")
ENOUGH_STEPS = 3


def accuracy(sample: Sample) -> Score:
    """1 when math-verify takes the LaTeX answer for the gold.

    Upstream gives no score where the gold cannot be read and lets the other rewards decide; here
    such a response scores 0, and `unreadable` keeps its problem out of the data.
    """
    verdict = judged(sample, "math_verify_latex")
    return Score(value=float(verdict.correct), correct=verdict.correct, extracted=verdict.extracted)


def unreadable(ground_truth: Any) -> str | None:
    """Why no response to a problem can be graded; None where one can."""
    gold = gold_text(ground_truth)
    if grade(gold, "", grader="math_verify_latex").how == UNREADABLE_GOLD:
        return f"math-verify finds no answer in the gold {gold[-60:]!r}"
    return None


def format(sample: Sample) -> Score:
    """1 for <think>, </think>, <answer> and </answer>, each on a line of its own."""
    return switch(framed(sample.response, OPENING, [TURN], CLOSING))


def tag_count(sample: Sample) -> Score:
    """A quarter for each of the four tags that occurs exactly once, with its line ends."""
    found = once(sample.response, COUNTED)
    return Score(value=TAG_MARK * found, correct=found == len(COUNTED))


def code_format(sample: Sample, *, language: str) -> Score:
    """As `format`, with a fenced block of the language in the answer."""
    return switch(framed(sample.response, OPENING, [TURN, f"```{language}", "```"], CLOSING))


def reasoning_steps(sample: Sample) -> Score:
    """A third for each mark of a step, up to 1."""
    share = min(1.0, len(STEP.findall(sample.response)) / ENOUGH_STEPS)
    return Score(value=share, correct=share == 1.0)


def cosine(sample: Sample, *, params: Mapping[str, float]) -> Score:
    """Between two values along a cosine of the length: one pair for right, one for wrong.

    Among wrong responses upstream swaps the pair: `max_value_wrong` holds at the limit. A gold
    that cannot be read scores 1.
    """
    verdict = judged(sample)
    if verdict.how == UNREADABLE_GOLD:
        return Score(value=1.0, correct=False)
    at_zero, at_limit = ("max_value_correct", "min_value_correct")
    if not verdict.correct:
        at_zero, at_limit = ("min_value_wrong", "max_value_wrong")
    value = cosine_at(
        len(sample.response),
        limit=params["max_len"],
        at_zero=params[at_zero],
        at_limit=params[at_limit],
    )
    return Score(value=value, correct=verdict.correct, extracted=verdict.extracted)


def repetition_penalty(sample: Sample, *, params: Mapping[str, Any]) -> Score:
    """The share of repeated n-grams of words, times a penalty that is not positive."""
    if params["max_penalty"] > 0:
        raise ConfigError(
            f"repetition_penalty: max_penalty={params['max_penalty']} would reward repetition: "
            "set it to 0 or less"
        )
    share = repeated_share(sample.response, params["ngram_size"])
    return Score(value=share * params["max_penalty"], correct=share == 0.0)


def length(group: Sequence[Scored]) -> list[float]:
    """The length bonus of each completion within its group; an unreadable gold counts as right."""
    verdicts = [judged(one.sample) for one in group]
    right = [verdict.correct or verdict.how == UNREADABLE_GOLD for verdict in verdicts]
    return relative([len(one.sample.response) for one in group], right)


def soft_overlong_punishment(
    group: Sequence[Scored], *, max_completion_len: int, soft_punish_cache: int
) -> list[float]:
    """The penalty of each completion for coming close to the length limit, at most 1."""
    return [
        max(
            -1.0,
            overlong_penalty(
                one.sample.response_tokens or 0,
                max_tokens=max_completion_len,
                buffer_tokens=soft_punish_cache,
                factor=1.0,
            ),
        )
        for one in group
    ]


def judged(sample: Sample, grader: str = "math_verify_latex_gold") -> Verdict:
    """What a grader says about the completion; the length rewards want the gold in LaTeX."""
    return grade(gold_text(sample.ground_truth), sample.response, grader=grader)


def gold_text(ground_truth: Any) -> str:
    """The gold: a text, or the worked solution in the field `solution`."""
    if isinstance(ground_truth, Mapping):
        if "solution" not in ground_truth:
            raise DataError(
                f"open_r1: the ground truth has {', '.join(ground_truth) or 'no fields'} and no "
                "'solution' (data.ground_truth=[solution])"
            )
        ground_truth = ground_truth["solution"]
    return str(ground_truth)


def switch(on: bool) -> Score:
    """1 or 0."""
    return Score(value=float(on), correct=on)
