"""Which responses CPPO keeps, as its two trainers round; conformance compares with what they kept.

The recipes ask for the same through algorithm.pruning. Source: lzhxmu/CPPO@52faeb3.
"""

from collections.abc import Sequence

from harness.selection import Drop, kept


def verl(*, advantages: Sequence[float], pruning_rate: float, metric: Drop) -> list[int]:
    """Places of the responses kept, in order: floor(n (1 - rate)) of them.

    Source: cppo_verl/recipe/cppo/src/cppo_ray_trainer.py
    """
    return kept(advantages, pruning_rate, metric, rounding="down")


def trl(*, advantages: Sequence[float], pruning_rate: float, metric: Drop) -> list[int]:
    """Places of the responses kept, in order: n less floor(n rate) of them.

    Source: src/open_r1/grpo_trainer_gsm.py
    """
    return kept(advantages, pruning_rate, metric, rounding="up")
