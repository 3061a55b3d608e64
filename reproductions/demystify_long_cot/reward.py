"""Demystifying Long CoT's rewards of a whole response: right or wrong, or along a cosine of its
length; read by the recipes. The dense penalty beside them is harness.rewards.repetition.

Source: eddycmu/demystify-long-cot@e90cf9b:openrlhf/openrlhf/reward/{classic,cosine}.py; arXiv:
2502.03373 appendix C.1.
"""

import re
from typing import Any

from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers
from harness.rewards.lengths import cosine, length_of
from harness.rewards.repetition import repeated_share
from reproductions.demystify_long_cot.hendrycks import matches

MARGIN_TOKENS = 16
"""A response this close to the limit counts as one that exceeds it."""
SPECIAL = re.compile(r"<\|[^|<>]+\|>|<\uff5c[^\uff5c<>]+\uff5c>")
"""Special tokens, which upstream leaves out when it decodes; in Llama's, Qwen's and R1's form."""


def hendrycks(sample: Sample) -> Score:
    """1 if the text holds the gold in one of the verifier's places, else 0."""
    right = any(matches(sample.response, gold) for gold in gold_answers(sample.ground_truth))
    return Score(value=float(right), correct=right)


def verified(sample: Sample) -> bool:
    """Is the response right? The verifier reads prompt and response as one text."""
    text = SPECIAL.sub("", sample.prompt + sample.response)
    return any(matches(text, gold) for gold in gold_answers(sample.ground_truth))


def classic(sample: Sample, **values: Any) -> Score:
    """The score of a response by `classic_value`, with its arguments."""
    right, tokens = verified(sample), length_of(sample, "tokens")
    return _score(right, classic_value(tokens, right, **values), tokens, values["max_length"])


def cosine_scaled(sample: Sample, **values: Any) -> Score:
    """The score of a response by `cosine_value`, with its arguments."""
    right, tokens = verified(sample), length_of(sample, "tokens")
    value = cosine_value(tokens, right, text=sample.response, **values)
    return _score(right, value, tokens, values["max_len"])


def _score(right: bool, value: float, tokens: int, limit: int) -> Score:
    exceeds = tokens + MARGIN_TOKENS >= limit
    components = {"answer": float(right), "exceeds": float(exceeds)}
    return Score(value=value, correct=right, components=components)


def classic_value(
    tokens: int,
    right: bool,
    *,
    correct: float,
    wrong: float,
    exceed_length: float | None,
    max_length: int,
) -> float:
    """One value for right, one for wrong responses, and one for those that exceed the limit.

    Args:
        tokens: length of the response.
        right: what the verifier says.
        correct, wrong: the values.
        exceed_length: value of a response that exceeds the limit; None looks at the answer.
        max_length: the limit in tokens.
    """
    if exceed_length is not None and tokens + MARGIN_TOKENS >= max_length:
        return exceed_length
    return correct if right else wrong


def cosine_value(
    tokens: int,
    right: bool,
    *,
    min_value_wrong: float,
    max_value_wrong: float,
    min_value_correct: float,
    max_value_correct: float,
    max_len: int,
    exceed_length: float | None,
    repetition_max_penalty: float = 0.0,
    repetition_ngram_size: int = 20,
    text: str = "",
) -> float:
    """A right response falls from its max to its min along half a cosine, a wrong one rises from
    its min to its max, so that thinking longer is cheap only where it was of no use.

    Args:
        tokens: length of the response.
        right: what the verifier says.
        min_value_wrong, max_value_wrong: values of a wrong response at length 0 and at the limit.
        min_value_correct, max_value_correct: of a right one at the limit and at length 0.
        max_len: the limit in tokens.
        exceed_length: value of a response that exceeds the limit; None is 0 here, as upstream's.
        repetition_max_penalty: added to wrong responses by the share of n-grams that repeat.
        repetition_ngram_size: words of such an n-gram; a shorter text repeats nothing.
        text: the response.
    """
    if tokens + MARGIN_TOKENS >= max_len:
        return exceed_length or 0.0
    if right:
        return cosine(tokens, limit=max_len, at_zero=max_value_correct, at_limit=min_value_correct)
    value = cosine(tokens, limit=max_len, at_zero=min_value_wrong, at_limit=max_value_wrong)
    if repetition_max_penalty == 0:
        return value
    return value + repetition_max_penalty * repeated_share(text, repetition_ngram_size)
