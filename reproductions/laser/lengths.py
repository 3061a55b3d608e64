"""LASER's length rewards over a training step (laser, laser_d, laser_de) and the targets that they
read from a monitor set; recipes name them in reward.batch, conformance repeats them.

Source: hkust-nlp/Laser@c9e7c4ef18192212574c5f6709d67c74baea7605:
verl/utils/reward_score/length_penalty.py; arXiv:2505.15612, section 4
"""

from collections.abc import Callable, Mapping, Sequence

from harness.rewards import Batch, Scored
from harness.rewards.lengths import length_of
from reproductions.laser.repetition import repetition_start
from reproductions.laser.reward import RIGHT, WRONG

LEVELS = ("low", "medium", "high")
"""How often a problem is solved: less than a third of the time, less than two thirds, more."""
THIRD, TWO_THIRDS = 1 / 3, 2 / 3
EXPECTED_RIGHT = 1
"""Right responses that a target must leave room for."""


def laser(batch: Batch, *, target_length: int, scalar: float) -> list[list[float]]:
    """Right responses of at most the target length earn `scalar` more."""
    return rewards_of(
        batch, dict.fromkeys(LEVELS, target_length), scalar, lambda one, target: False
    )


def laser_d(
    batch: Batch,
    *,
    target_length: int,
    scalar: float,
    thresholds: Sequence[int] = (),
    n_rollout: int = 8,
) -> list[list[float]]:
    """As `laser`, with a target for each level of difficulty, which the step's solve rate tells.

    Args:
        batch: its state keeps the coverage that the latest monitor pass gave.
        target_length: target of every level before the first pass, in tokens.
        scalar: what a short right response earns besides.
        thresholds: lengths that may become targets, in tokens, increasing.
        n_rollout: responses a problem, of which a target leaves room for one right one.
    """
    targets = targets_of(batch, target_length, thresholds, n_rollout)
    return rewards_of(batch, targets, scalar, lambda one, target: False)


def laser_de(
    batch: Batch,
    *,
    target_length: int,
    scalar: float,
    thresholds: Sequence[int] = (),
    n_rollout: int = 8,
    find_repetition: bool = False,
) -> list[list[float]]:
    """As `laser_d`, and wrong responses that are longer than their target earn `scalar` as well.

    Args:
        batch, target_length, scalar, thresholds, n_rollout: as for laser_d.
        find_repetition: give it to those only that do not repeat themselves. Upstream means to, but
            hands its test a tensor, whose elements are never equal as keys: it finds nothing.
    """
    targets = targets_of(batch, target_length, thresholds, n_rollout)
    return rewards_of(
        batch, targets, scalar, lambda one, target: explores(one, target, find_repetition)
    )


def targets_of(
    batch: Batch, target_length: int, thresholds: Sequence[int], n_rollout: int
) -> dict[str, int]:
    """Level -> target length in tokens; takes over a monitor pass, if one was just made."""
    if batch.monitor is not None:
        batch.state["coverage"] = coverage_of(batch.monitor, thresholds)
    coverage = batch.state.get("coverage")
    if coverage is None:
        return dict.fromkeys(LEVELS, target_length)
    longest = max(tokens_of(one) for group in batch.groups for one in group)
    targets = choose_target(coverage, thresholds, longest, n_rollout)
    return dict(zip(LEVELS, targets, strict=True))


def rewards_of(
    batch: Batch,
    targets: Mapping[str, int],
    scalar: float,
    else_earns: Callable[[Scored, int], bool],
) -> list[list[float]]:
    """`scalar` for right responses within their target, and for others that earn it else."""
    rewards = []
    for group in batch.groups:
        target = targets[level_of(sum(map(right, group)) / len(group))]
        earned = [
            tokens_of(one) <= target if right(one) else else_earns(one, target) for one in group
        ]
        values = [one.score.value for one in group]
        rewards.append([value + scalar * more for value, more in zip(values, earned, strict=True)])
    return rewards


def right(one: Scored) -> bool:
    """Has it the full base score?"""
    return one.score.value == RIGHT


def tokens_of(one: Scored) -> int:
    """Length of a response in tokens."""
    return length_of(one.sample, "tokens")


def explores(one: Scored, target: int, find_repetition: bool) -> bool:
    """Is it a well-formed wrong response that went on beyond its target?"""
    if one.score.value != WRONG or tokens_of(one) <= target:
        return False
    ids = list(one.sample.token_ids or ())
    return not find_repetition or repetition_start(ids) == len(ids)


def level_of(solve_rate: float) -> str:
    """The level of a problem of the training step."""
    if solve_rate >= TWO_THIRDS:
        return "high"
    return "medium" if solve_rate >= THIRD else "low"


def monitor_level_of(solve_rate: float) -> str:
    """The level of a monitor problem; on the borders upstream takes the lower one here."""
    if solve_rate <= THIRD:
        return "low"
    return "medium" if solve_rate <= TWO_THIRDS else "high"


def coverage_of(
    groups: Sequence[Sequence[Scored]], thresholds: Sequence[int]
) -> dict[str, list[float]]:
    """Level -> the share of its problems' responses that each threshold has room for.

    A level without problems has 0 throughout. Source: hkust-nlp/Laser@c9e7c4e:
    verl/utils/reward_score/count_length_distribution.py
    """
    lengths: dict[str, list[int]] = {level: [] for level in LEVELS}
    for group in groups:
        rate = sum(one.score.correct for one in group) / len(group)
        lengths[monitor_level_of(rate)] += map(tokens_of, group)
    return {
        level: [sum(n <= limit for n in found) / max(1, len(found)) for limit in thresholds]
        for level, found in lengths.items()
    }


def choose_target(
    coverage: Mapping[str, Sequence[float]],
    thresholds: Sequence[int],
    max_response_length: int,
    n_rollout: int,
) -> list[int]:
    """The target of each level: the smallest threshold that leaves room for one right response.

    Args:
        coverage: as coverage_of gives it.
        thresholds: lengths that may become targets, in tokens, increasing.
        max_response_length: the longest response of the step, which no target exceeds.
        n_rollout: responses a problem.
    """
    expected = {"low": 1, "medium": int(n_rollout * 1 / 3), "high": int(n_rollout * 2 / 3)}
    targets = []
    for level in LEVELS:
        enough = [
            limit
            for limit, share in zip(thresholds, coverage[level], strict=True)
            if int(share * expected[level]) >= EXPECTED_RIGHT
        ]
        targets.append(min([max_response_length, *enough]))
    return targets
