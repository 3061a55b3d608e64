"""A reward that remembers, monitor problems and validation, with the real stack: killed and resumed
they give exactly what they give in one go."""

from pathlib import Path

import pytest

from harness.rundir import read_events
from harness.steps import effective_steps
from tests.resuming import kept, whole_and_killed
from tests.test_end_to_end import SMALL

pytestmark = pytest.mark.slow

STEPS = 4
ARGUMENTS = (
    "+repro=tinyzero", "algorithm=grpo", "algorithm.prompts_per_step=4",
    "algorithm.mini_batch_prompts=4", "algorithm.group_size=4", f"schedule.steps={STEPS}",
    "schedule.save_every=2", "schedule.validate_every=2",
    "reward.batch=tests.step_rewards:remembering", "reward.batch_arguments={seed: 3}",
    "schedule.monitor={rows: 3, every: 2, samples: 2}", *SMALL,
)  # fmt: skip


def curves(run: Path) -> dict[int, dict[str, float]]:
    """Step -> what the reward over the step left in the metrics."""
    return {
        step: {name: value for name, value in metrics.items() if "reward" in name}
        for step, metrics in effective_steps(read_events(run / "events.jsonl")).items()
    }


def test_a_killed_run_remembers_what_one_in_one_go_does(tmp_path: Path) -> None:
    whole, killed = whole_and_killed(tmp_path, STEPS, *ARGUMENTS)
    state = kept(whole, STEPS)["reward"]
    assert state["steps"] == STEPS and list(state["monitor"]) == ["3"]
    assert [len(group) for group in state["monitor"]["3"]] == [2, 2, 2]
    # Before step 3 came the validation of step 2, which the checkpoint of step 2 does not hold.
    assert [bool(metrics) for metrics in state["validations"]] == [False, False, True, True]
    assert kept(killed, STEPS) == kept(whole, STEPS)
    assert curves(killed) == curves(whole)
    assert all("training/batch_reward/after" in curve for curve in curves(whole).values())
