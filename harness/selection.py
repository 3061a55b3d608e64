"""Which responses of a step reach its update, as arithmetic: rules, plan and emission count with
it, the trainer's plug-in and golden cases choose with it."""

from collections.abc import Sequence
from math import ceil
from random import Random
from typing import Literal

from harness.spec import RLAlgorithm

Drop = Literal["smallest", "largest", "random"]
Rounding = Literal["down", "up"]


def kept_count(responses: int, rate: float, rounding: Rounding = "down") -> int:
    """Responses that pruning keeps of so many.

    Args:
        responses: how many are compared.
        rate: share that is left out.
        rounding: of what is kept. Down: floor(n (1 - rate)), as lzhxmu/CPPO@52faeb3:
            cppo_verl/recipe/cppo/src/cppo_ray_trainer.py has it; up: n - floor(n rate), as its
            src/open_r1/grpo_trainer_gsm.py has it.
    """
    if rounding == "down":
        return int(responses * (1 - rate))
    return responses - int(responses * rate)


def kept(
    advantages: Sequence[float],
    rate: float,
    drop: Drop,
    *,
    rounding: Rounding = "down",
    seed: str = "",
) -> list[int]:
    """Places of the responses that pruning keeps, in order (CPPO, arXiv:2503.22342, section 3.2).

    Args:
        advantages: one number a response, of those that are compared with one another.
        rate: share that is left out.
        drop: which absolute advantages are left out; of equal ones the later.
        rounding: as in kept_count.
        seed: names the draw of `random`.
    """
    places = list(range(len(advantages)))
    if drop == "random":
        Random(seed).shuffle(places)
    else:
        sign = 1 if drop == "largest" else -1
        places.sort(key=lambda place: sign * abs(advantages[place]))
    return sorted(places[: kept_count(len(advantages), rate, rounding)])


def selects(algorithm: RLAlgorithm) -> bool:
    """Do responses of a step stay out of its update?"""
    fewer = algorithm.train_group_size not in (None, algorithm.group_size)
    return fewer or algorithm.drop_groups is not None or algorithm.pruning is not None


def trained_responses(algorithm: RLAlgorithm) -> int:
    """Responses of a step that reach its update, where drop_groups drops none."""
    prompts = algorithm.prompts_per_step
    group = algorithm.train_group_size or algorithm.group_size
    pruning = algorithm.pruning
    if pruning is None:
        return prompts * group
    if pruning.across == "group":
        return prompts * kept_count(group, pruning.rate, pruning.rounding)
    return kept_count(prompts * group, pruning.rate, pruning.rounding)


def mini_batch_responses(algorithm: RLAlgorithm, mini_batch_prompts: int) -> int:
    """Responses of one update: the share of the step's that its prompts are of the step's."""
    updates = algorithm.prompts_per_step // mini_batch_prompts
    return ceil(trained_responses(algorithm) / updates)
