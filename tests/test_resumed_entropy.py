"""The controller of the entropy bonus with the real stack, in updates of chosen responses: killed
and resumed it gives exactly the coefficients that it gives in one go."""

from pathlib import Path

import pytest

from harness.rundir import read_events
from harness.steps import effective_steps
from tests.resuming import kept, whole_and_killed
from tests.test_end_to_end import SMALL

pytestmark = pytest.mark.slow

STEPS = 4
DELTA = 0.01
ARGUMENTS = (
    "+repro=tinyzero", "algorithm=grpo", "algorithm.prompts_per_step=8",
    "algorithm.mini_batch_prompts=4", "algorithm.group_size=4", "algorithm.entropy_coef=0",
    "algorithm.drop_groups=reward", "+algorithm.pruning={rate: 0.5, drop: smallest}",
    f"+algorithm.adaptive_entropy={{target: 100, delta: {DELTA}, max_coef: 0.025}}",
    f"schedule.steps={STEPS}", "schedule.save_every=2", *SMALL,
)  # fmt: skip
WATCHED = ("training/entropy_coef", "training/selection/", "actor/entropy", "actor/grad_norm")


def curves(run: Path) -> dict[int, dict[str, float]]:
    """Step -> what was chosen, applied and moved."""
    return {
        step: {name: value for name, value in metrics.items() if name.startswith(WATCHED)}
        for step, metrics in effective_steps(read_events(run / "events.jsonl")).items()
    }


def test_a_killed_run_has_the_coefficients_of_one_in_one_go(tmp_path: Path) -> None:
    whole, killed = whole_and_killed(tmp_path, STEPS, *ARGUMENTS)
    assert kept(killed, STEPS) == kept(whole, STEPS)
    found = curves(whole)
    assert curves(killed) == found
    chosen = [found[step]["training/selection/kept_responses"] for step in found]
    groups = [8 - found[step]["training/selection/dropped_groups"] for step in found]
    assert chosen == [2 * left for left in groups], "half of each group that differs"
    # A step that keeps no group measures nothing; the others find an entropy below the target.
    coefficient = 0.0
    for step, left in zip(found, groups, strict=True):
        assert found[step]["training/entropy_coef"] == pytest.approx(coefficient)
        assert found[step]["training/selection/skipped_updates"] == (left == 0)
        coefficient = min(coefficient + DELTA, 0.025) if left else coefficient
    assert kept(whole, STEPS)["entropy"] == {
        "coefficient": pytest.approx(coefficient),
        "applied": True,
    }
    assert sum(map(bool, groups)) >= 2, "the run shows nothing otherwise"
