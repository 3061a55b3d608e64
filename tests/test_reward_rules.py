"""Rules between the reward's functions and the schedule: each broken one says what to set."""

import pytest

from harness.errors import ConfigError
from tests.composing import spec_of

STEP = "reward.batch=tests.step_rewards:remembering"
MONITOR = "schedule.monitor={rows: 4, every: 2, samples: 2}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([STEP, "reward.group=math:fsum"], "set the other to null"),
        (["reward.group_arguments={a: 1}"], r"reward\.group is null, so nobody reads them"),
        (["reward.batch_arguments={a: 1}"], r"reward\.batch is null, so nobody reads them"),
        ([MONITOR], r"set reward\.batch=module:function"),
        ([STEP, MONITOR, "schedule.steps=2"], r"every=2 is never reached.*below 2"),
        ([STEP, MONITOR, "data.train_rows=3"], r"rows=4 and data\.train_rows=3"),
    ],
)
def test_broken_rules(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        spec_of("+repro=tinyzero", "hardware=4xA800", *overrides)


def test_what_keeps_the_rules() -> None:
    spec = spec_of("+repro=tinyzero", "hardware=4xA800", STEP, MONITOR, "schedule.steps=3")
    assert spec.reward.batch and spec.schedule.monitor


def test_supervised_fine_tuning_has_no_monitor_problems() -> None:
    with pytest.raises(ConfigError, match=r"algorithm=sft asks for none.*monitor=null"):
        spec_of("algorithm=sft", "data=countdown_demonstrations", MONITOR)
