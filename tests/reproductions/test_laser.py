"""LASER's targets by hand, and what its three recipes share."""

import pytest

from harness.rewards import Batch, Sample, Score, Scored
from reproductions.laser.lengths import coverage_of, laser_d, laser_de
from tests.composing import spec_of

THRESHOLDS = [100, 200, 400]


def one(value: float, tokens: int, ids: tuple[int, ...] | None = None) -> Scored:
    sample = Sample(
        prompt="", response="", ground_truth=None, response_tokens=tokens, token_ids=ids
    )
    return Scored(sample=sample, score=Score(value=value, correct=value == 1.0))


def test_coverage_is_the_share_of_responses_that_fit() -> None:
    monitor = [[one(1.0, 90), one(1.0, 150)], [one(1.0, 90), one(-0.5, 300)], [one(-0.5, 500)] * 2]
    assert coverage_of(monitor, THRESHOLDS) == {
        "low": [0.0, 0.0, 0.0],
        "medium": [0.5, 0.5, 1.0],
        "high": [0.5, 1.0, 1.0],
    }


def test_a_pass_moves_the_targets_and_the_state_keeps_them() -> None:
    groups = [[one(1.0, 150), one(1.0, 350)]]
    batch = Batch(groups=groups, step=1, state={})
    arguments = {"target_length": 400, "scalar": 0.5, "thresholds": THRESHOLDS, "n_rollout": 8}
    assert laser_d(batch, **arguments) == [[1.5, 1.5]] and batch.state == {}
    monitor = [[one(1.0, 90), one(1.0, 150)]]
    passed = Batch(groups=groups, step=21, state={}, monitor=monitor)
    # 5 of 8 are expected to be right, and half of them fit into 100 tokens.
    assert laser_d(passed, **arguments) == [[1.0, 1.0]]
    later = Batch(groups=groups, step=22, state=passed.state)
    assert laser_d(later, **arguments) == [[1.0, 1.0]]


@pytest.mark.parametrize(("find_repetition", "reward"), [(False, 0.0), (True, -0.5)])
def test_a_loop_explores_as_upstream_runs_it(find_repetition: bool, reward: float) -> None:
    loop = one(-0.5, 40, ids=(1, 2, 3, 4) * 10)
    batch = Batch(groups=[[loop]], step=1, state={})
    rewards = laser_de(batch, target_length=10, scalar=0.5, find_repetition=find_repetition)
    assert rewards == [[reward]]


def test_the_recipes_differ_in_the_reward_and_the_monitor_alone() -> None:
    plain, d, de = (
        spec_of(f"+repro={name}", "hardware=8xH100") for name in ("laser", "laser_d", "laser_de")
    )
    assert plain.algorithm == d.algorithm == de.algorithm and plain.data == d.data == de.data
    assert plain.schedule.monitor is None and d.schedule.monitor == de.schedule.monitor
    assert d.reward.batch_arguments == de.reward.batch_arguments
    assert d.schedule.monitor is not None and d.schedule.monitor.every == 20
