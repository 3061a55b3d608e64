r"""DeepScaleR's rule, read by the recipe's reward and by conformance: 1 for a right box behind the
thinking part, else 0."""

from dataclasses import replace

from harness.rewards import Sample, Score
from harness.rewards.boxed import graded

THINKING_BEGINS, THINKING_ENDS = "<think>", "</think>"
GRADER = "mathd_sympy"


def math(sample: Sample) -> Score:
    r"""Box an answer that equals the gold as normalised text or element by element for sympy.

    Both thinking tags must stand somewhere in the prompt or the response, and only the text from
    the first </think> to the second counts. Of several boxes the last one does. An unreduced
    fraction is wrong, and a decimal is where the gold is an integer unless it is that integer.

    Source: agentica-project/deepscaler@95ef74ffee001cce89463f2d61dfdce1d03576c1:
    deepscaler/rewards/math_reward.py
    """
    solution = after_thinking(sample.prompt + sample.response)
    score = graded(solution, sample.ground_truth, grader=GRADER)
    return replace(score, components={"thinking": float(solution is not None), **score.components})


def after_thinking(text: str) -> str | None:
    """What stands behind the first </think>, up to the next; None unless both tags are there."""
    if THINKING_BEGINS not in text or THINKING_ENDS not in text:
        return None
    return text.split(THINKING_ENDS)[1]
