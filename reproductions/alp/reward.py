"""ALP's rule, read by the recipe and by conformance: every token costs, the more the easier the
problem is for the model."""

from collections.abc import Sequence

from harness.rewards import Scored
from harness.rewards.lengths import length_of


def adaptive_penalty(
    group: Sequence[Scored], *, beta: float, normalizer: float = 1.0
) -> list[float]:
    """r = 1[right] - beta / normalizer * max(p, 1 / K) * tokens, for each response of a group.

    K is the size of the group and p the share of it that is right; the floor keeps a small price on
    problems that nothing solves. Right and wrong responses pay the same price a token.

    Args:
        group: the responses to one prompt; their own scores are what the price is taken from.
        beta: price of `normalizer` tokens of a problem that is always solved.
        normalizer: N of the paper, in tokens.

    Source: arXiv:2506.05256, equation 1.
    """
    solved = sum(one.score.correct for one in group) / len(group)
    price = beta / normalizer * max(solved, 1 / len(group))
    return [one.score.value - price * length_of(one.sample, "tokens") for one in group]
