"""Functions named by a configuration: a wrong name shows before anything starts."""

from typing import Any

import pytest

from harness.errors import ConfigError
from harness.functions import find_reward_functions
from harness.spec import Reward

GOOD = "math:fsum"


def reward(**changed: Any) -> Reward:
    return Reward.model_validate({"name": "r", "function": GOOD, "tasks": ["t"], **changed})


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("reward.function", {"function": "math:nothing"}),
        ("reward.group", {"group": "math:nothing"}),
        ("reward.batch", {"batch": "math:nothing"}),
        ("reward.check", {"check": "math:nothing"}),
        ("reward.dense.function", {"dense": {"function": "math:nothing", "gamma": 1.0}}),
    ],
)
def test_each_function_of_a_reward_must_exist(field: str, changed: dict[str, Any]) -> None:
    find_reward_functions(reward(group=GOOD, dense={"function": GOOD, "gamma": 1.0}))
    with pytest.raises(ConfigError, match=rf"{field}=math:nothing cannot be imported"):
        find_reward_functions(reward(**changed))
