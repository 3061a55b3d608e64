"""Tina's rewards: Open R1's accuracy, cosine and length bonus on Tina's golds, and a format of its
own; the recipes and conformance read them.

Source: shangshang-wang/Tina@e16606f:tina/post_train_hf/rewards.py
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.errors import DataError
from harness.rewards import Sample, Score, Scored
from harness.rewards.combine import without_end
from harness.rewards.tags import once
from reproductions.open_r1 import reward as open_r1

COUNTED = ("<think>\n", "\n</think>\n")
TAG_MARK = 0.5


def accuracy(sample: Sample) -> Score:
    """1 when math-verify takes the LaTeX answer for the gold."""
    return open_r1.accuracy(with_gold(sample))


def format(sample: Sample) -> Score:
    """1 when </think> stands exactly once, on a line of its own; no other tag is looked at."""
    found = once(sample.response, COUNTED[1:])
    return Score(value=float(found), correct=found == 1)


def tag_count(sample: Sample) -> Score:
    """A half for <think> and for </think>, each exactly once with its line ends."""
    found = once(sample.response, COUNTED)
    return Score(value=TAG_MARK * found, correct=found == len(COUNTED))


def cosine(sample: Sample, *, params: Mapping[str, float]) -> Score:
    """Open R1's cosine of the length in characters."""
    return open_r1.cosine(with_gold(sample), params=params)


def length(group: Sequence[Scored]) -> list[float]:
    """Open R1's length bonus within a group, by characters."""
    return open_r1.length([replace(one, sample=with_gold(one.sample)) for one in group])


def with_length(
    group: Sequence[Scored], *, weight: float, end_tokens: Sequence[str] = ()
) -> list[float]:
    """Rewards of a group with the weighted length bonus added; for reward.group.

    Args:
        group: the responses to one prompt with the scores of each alone.
        weight: of the length bonus.
        end_tokens: texts of the tokens that end a response, which upstream decodes without.

    Returns:
        A reward a response, in the order of the group.
    """
    shown = [
        replace(
            one, sample=replace(one.sample, response=without_end(one.sample.response, end_tokens))
        )
        for one in group
    ]
    bonus = length(shown)
    return [one.score.value + weight * extra for one, extra in zip(group, bonus, strict=True)]


def without_end_of(sample: Sample, end_tokens: Sequence[str]) -> Sample:
    """The sample without the token that ended its response."""
    return replace(sample, response=without_end(sample.response, end_tokens))


def unreadable(ground_truth: Any) -> str | None:
    """Why no response to a problem can be graded; None where one can."""
    return open_r1.unreadable(gold_text(ground_truth))


def with_gold(sample: Sample) -> Sample:
    """The sample with its gold as upstream hands it to the rewards."""
    return replace(sample, ground_truth=gold_text(sample.ground_truth))


def gold_text(ground_truth: Any) -> str:
    """A text as it is, the worked solution in `solution`, or the bare `answer` between dollars."""
    if not isinstance(ground_truth, Mapping):
        return str(ground_truth)
    if "solution" in ground_truth:
        return str(ground_truth["solution"])
    if "answer" in ground_truth:
        return f"${ground_truth['answer']}$"
    raise DataError(
        f"tina: the ground truth has {', '.join(ground_truth) or 'no fields'} and neither "
        "'solution' nor 'answer' (data.ground_truth=[solution] or [answer])"
    )
