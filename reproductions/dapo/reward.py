"""DAPO's scoring rules, read by the recipe's reward and by conformance: +1 for a right answer, -1
for any other, and less for a response close to the length limit.

Source: verl-project/verl@483b8a009ba3a97563edee3a19887e4862b8094a (tag v0.9.0):
verl/utils/reward_score/math_dapo.py and verl/experimental/reward_loop/reward_manager/dapo.py.
"""

from collections.abc import Sequence
from dataclasses import replace

from evals.grading.claimants import dapo
from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers
from harness.rewards.overlong import overlong_penalty

RIGHT, WRONG = 1.0, -1.0


def math_dapo(sample: Sample, *, special_tokens: Sequence[str] = ()) -> Score:
    """Name the answer behind the last 'Answer:' of the last 300 characters.

    Both answers are normalised (units, wrappers, thousands commas) and compared as text.

    Args:
        sample: the response, with its gold answer.
        special_tokens: tokens that are no part of the text; upstream decodes without them.
    """
    response = without(sample.response, special_tokens)
    answer = dapo.answer_line(response)
    correct = answer is not None and dapo.equal(answer, gold(sample))
    return signed(correct, answer)


def math_dapo_strict_box(sample: Sample) -> Score:
    r"""Box the gold answer, character by character, within the last 100 characters."""
    answer = dapo.strict_box(sample.response)
    return signed(answer == gold(sample), answer)


def math_dapo_with_overlong(
    sample: Sample,
    *,
    max_resp_len: int,
    overlong_buffer_len: int,
    penalty_factor: float,
    special_tokens: Sequence[str] = (),
) -> Score:
    """math_dapo, less the overlong penalty; whether the answer is right does not depend on it.

    Args:
        sample: the response, with its length and its gold answer.
        max_resp_len: the length limit in tokens.
        overlong_buffer_len: how many tokens below the limit the penalty begins.
        penalty_factor: what a response at the limit loses.
        special_tokens: as for math_dapo.

    Raises:
        DataError: the length of the response is not known.
        ConfigError: the buffer does not lie below the limit.
    """
    if sample.response_tokens is None:
        raise DataError(
            "the overlong penalty needs the length of the response, and this one comes without "
            "it: give response_tokens with each response, or use the rule math_dapo"
        )
    score = math_dapo(sample, special_tokens=special_tokens)
    penalty = overlong_penalty(
        sample.response_tokens,
        max_tokens=max_resp_len,
        buffer_tokens=overlong_buffer_len,
        factor=penalty_factor,
    )
    return replace(
        score,
        value=score.value + penalty,
        components={**score.components, "overlong": penalty},
    )


def signed(correct: bool, answer: str | None) -> Score:
    """The score of an answer, or of none."""
    value = RIGHT if correct else WRONG
    return Score(value=value, correct=correct, extracted=answer, components={"answer": value})


def gold(sample: Sample) -> str:
    """The one gold answer of a problem."""
    answers = gold_answers(sample.ground_truth)
    if len(answers) != 1:
        raise DataError(f"the ground truth is {sample.ground_truth!r:.80}; give one answer")
    return answers[0]


def without(text: str, tokens: Sequence[str]) -> str:
    """The text with every special token taken out."""
    for token in tokens:
        text = text.replace(token, "")
    return text
