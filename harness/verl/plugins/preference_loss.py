"""The loss over pairs of responses of different levels, instead of a policy gradient; losses.py
takes it where algorithm.preference_loss is set.

Su et al. 2025 (TRPA, arXiv:2504.04524), as XueruiSu/Trust-Region-Preference-Approximation@f372585
has it: verl/trainer/ppo/core_algos.py (compute_pairwise_policy_loss), and
verl/workers/actor/dp_actor.py:256. Levels and groups reach the workers as fields of the rows, which
update.py writes with write_levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

from harness.verl.plugins import storage
from harness.verl.plugins.dynamic_sampling import by_prompt

LEVEL = "reprise_level"
"""Field of a row: the level of its response, 1 the best."""
GROUP = "reprise_group"
"""Field of a row: the number of its prompt in the step."""
BEST = 1


class NoLevel(RuntimeError):
    """The score of a response has no component of the name that ranks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """The settings of the loss."""

    beta: float
    """Weight of a pair's difference of log-ratios."""
    best_weight: float
    """Factor on pairs whose better response is of level 1."""
    trust_coef: float
    """Weight of the KL penalty to the policy that sampled."""
    trust_estimator: str
    """Its per-token estimator, by verl's name."""
    group_rows: int | None
    """Responses to a prompt, where all of them are to share a micro-batch; null where a micro-batch
    cannot be sure to hold them, and pairs meet as verl's cut falls."""


def log_ratios(
    log_prob: torch.Tensor, ref_log_prob: torch.Tensor, response_mask: torch.Tensor
) -> torch.Tensor:
    """dl = mean_t log pi(y_t) - mean_t log pi_ref(y_t), (responses,); all (responses, tokens)."""
    tokens = response_mask.sum(dim=-1).clamp(min=1)
    return ((log_prob - ref_log_prob) * response_mask).sum(dim=-1) / tokens


def pair_loss(
    ratios: torch.Tensor,
    levels: torch.Tensor,
    groups: torch.Tensor,
    *,
    beta: float,
    best_weight: float,
) -> tuple[torch.Tensor, int]:
    """The mean loss of all pairs of one prompt and different levels, and how many there are.

    A pair of better i and worse j has -log sigmoid(h), h = beta (dl_i - dl_j), times best_weight
    where level_i is 1. Without a pair: the mean of -log sigmoid(+-dl), + at level 1, - below it.

    Args:
        ratios: (responses,) dl.
        levels: (responses,) whole numbers from 1, the best.
        groups: (responses,) which prompt each answers.
        beta, best_weight: as in Preference.
    """
    if not len(ratios):
        return ratios.sum(), 0
    better = levels.unsqueeze(1) < levels.unsqueeze(0)
    pairs = better & (groups.unsqueeze(1) == groups.unsqueeze(0))
    count = int(pairs.sum())
    if not count:
        return -logsigmoid(torch.where(levels == BEST, ratios, -ratios)).mean(), 0
    best, worst = pairs.nonzero(as_tuple=True)
    weights = torch.where(levels[best] == BEST, best_weight, 1.0).to(ratios.dtype)
    preference = beta * weights * (ratios[best] - ratios[worst])
    return -logsigmoid(preference).mean(), count


def write_levels(keys: Sequence[str], partition: str, component: str) -> None:
    """Give every row its level and the number of its prompt.

    Args:
        keys: rows in the order in which they were drawn.
        partition: where they are stored.
        component: the component of the score that holds the level.

    Raises:
        NoLevel: a score has no such component.
    """
    levels = []
    for extra in storage.read(keys, partition, "extra_fields")["extra_fields"]:
        found = extra["reward_extra_info"]
        if component not in found:
            raise NoLevel(
                f"algorithm.preference_loss.level={component} is no component of the score; this "
                f"reward has {', '.join(sorted(found))}: name one of them, or choose a reward that "
                "ranks responses"
            )
        levels.append(torch.tensor([int(found[component])]))
    numbers = {prompt: i for i, prompt in enumerate(by_prompt(keys))}
    groups = [torch.tensor([numbers[key.split("_", 1)[0]]]) for key in keys]
    storage.write(keys, partition, **{LEVEL: levels, GROUP: groups})
