"""Step metrics as the numbers that the training measurement reports; pure functions."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

Step = dict[str, float]

PHASES = (
    "gen",
    "old_log_prob",
    "ref",
    "values",
    "adv",
    "update_critic",
    "update_actor",
    "update_weights",
    "save_checkpoint",
)
"""verl's timers, in the order of a step."""
WARM_UP_STEPS = 2
"""Steps at the start that are not counted, where at least one is left."""
BUDGET = 1.02
"""What the harness may cost: its seconds a step over the bare command's."""
RESAMPLES = 10_000
FEW = 5
"""Fewer counted steps than this give no interval."""
GIB = 2**30 / 1e9
"""verl logs memory in units of 2**30 bytes; here a GB is 1e9."""
ROLLOUT_DIFFERENCE = "training/rollout_probs_diff_"


def counted(steps: Sequence[Step]) -> list[Step]:
    """Steps after the warm-up."""
    return list(steps[min(WARM_UP_STEPS, len(steps) - 1) :]) if steps else []


def step_seconds(step: Step) -> float:
    """Seconds of a step without its checkpoint, which only some steps have."""
    return step["timing_s/step"] - step.get("timing_s/save_checkpoint", 0.0)


def speeds(steps: Sequence[Step], *, on_gpu: bool) -> dict[str, Any]:
    """What one run's steps say; medians over the counted steps, and null for what only a GPU can
    tell."""
    found = counted(steps)
    return {
        "steps": len(steps),
        "steps_counted": len(found),
        "s_per_step": middle([step_seconds(step) for step in found]),
        "phases_s": {name: _middle_of(found, f"timing_s/{name}") for name in PHASES},
        "rollout_tokens_per_s": middle([rollout_tokens_per_s(step) for step in found]),
        "update_tokens_per_s": middle(
            [step["perf/total_num_tokens"] / step["timing_s/update_actor"] for step in found]
        ),
        "response_tokens": _middle_of(found, "response_length/mean"),
        "actor_mfu": _middle_of(found, "perf/mfu/actor") if on_gpu else None,
        "torch_peak_allocated_gb": _peak(steps, "allocated") if on_gpu else None,
        "torch_peak_reserved_gb": _peak(steps, "reserved") if on_gpu else None,
        "probability_difference_mean": _middle_of(found, f"{ROLLOUT_DIFFERENCE}mean"),
        "probability_difference_max": highest(found, f"{ROLLOUT_DIFFERENCE}max"),
        "each_s": [step_seconds(step) for step in steps],
    }


def rollout_tokens_per_s(step: Step) -> float:
    """Response tokens of a step over the seconds of its generation."""
    length = step["response_length/mean"]
    share = length / (length + step["prompt_length/mean"])
    return step["perf/total_num_tokens"] * share / step["timing_s/gen"]


def ratio(
    numerator: Sequence[float], denominator: Sequence[float], seed: int = 0
) -> dict[str, float | bool | None]:
    """Ratio of two medians with a 95 % percentile bootstrap, against the budget; of a few steps the
    ratio alone."""
    import numpy as np

    if not numerator or not denominator:
        return {"value": None, "low": None, "high": None, "budget": BUDGET, "within": None}
    value = median(numerator) / median(denominator)
    found: dict[str, float | bool | None] = {"value": value, "low": None, "high": None}
    found |= {"budget": BUDGET, "within": None}
    if min(len(numerator), len(denominator)) >= FEW:
        rng = np.random.default_rng(seed)
        first, second = (
            np.median(rng.choice(np.asarray(side), size=(RESAMPLES, len(side))), axis=1)
            for side in (numerator, denominator)
        )
        low, high = np.quantile(first / second, [0.025, 0.975])
        found |= {"low": float(low), "high": float(high), "within": value <= BUDGET}
    return found


def wall_seconds(step_ends: Mapping[int, float]) -> list[float]:
    """Seconds from one step's metrics to the next's after the warm-up, whatever passed in between:
    verl's own timer leaves out its metrics, its logger and its clearing up."""
    ends = [step_ends[step] for step in sorted(step_ends)][WARM_UP_STEPS:]
    return [later - earlier for earlier, later in pairwise(ends)]


def middle(values: Sequence[float]) -> float | None:
    """The median; null of nothing."""
    return median(values) if values else None


def highest(steps: Sequence[Step], name: str) -> float | None:
    """The largest value of a metric; null where no step has it."""
    return max((step[name] for step in steps if name in step), default=None)


def _middle_of(steps: Sequence[Step], name: str) -> float | None:
    return middle([step[name] for step in steps if name in step])


def _peak(steps: Sequence[Step], kind: str) -> float | None:
    found = highest(steps, f"actor/perf/max_memory_{kind}_gb")
    return None if found is None else found * GIB
