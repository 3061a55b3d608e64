r"""JustRL's only rule, a box close to the end that repeats the gold answer; read by the recipe's
reward and by conformance.

Source: thunlp/JustRL@cf444e9:train/verl/utils/reward_score/math_dapo.py with strict_box_verify, and
train/verl/workers/reward_manager/dapo.py, which decodes the response without special tokens.
"""

from collections.abc import Sequence
from dataclasses import replace

from harness.rewards import Sample, Score
from reproductions.dapo.reward import math_dapo_strict_box, without


def strict_box(sample: Sample, *, special_tokens: Sequence[str] = ()) -> Score:
    r"""+1 for the gold answer in the last \boxed{...} of the last 100 characters, else -1.

    Answers are compared character by character: 34.0 is not 34, and neither is a box with blanks.

    Args:
        sample: the response, with its gold answer.
        special_tokens: tokens that are no part of the text, and do not count among the 100.
    """
    shown = replace(sample, response=without(sample.response, special_tokens))
    return math_dapo_strict_box(shown)
