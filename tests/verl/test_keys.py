"""The offline key snapshot against the installed verl, and what it refuses."""

import re

import pytest

from harness.errors import ConfigError
from harness.verl.keys import check_keys, dead_keys, known_keys
from harness.verl.snapshot import installed_keys


def test_snapshot_equals_the_installed_verl() -> None:
    installed = installed_keys()
    assert known_keys("rl") == installed["rl"]
    assert known_keys("sft") == installed["sft"]


@pytest.mark.parametrize("trainer", ["rl", "sft"])
def test_dead_keys_exist_in_the_snapshot(trainer: str) -> None:
    for dead in dead_keys(trainer):
        assert any(key == dead or key.startswith(dead + ".") for key in known_keys(trainer)), dead


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("custom_reward_function.path", "reward.function"),
        ("actor_rollout_ref.actor.grad_clip", "algorithm.optimizer.grad_clip"),
        ("actor_rollout_ref.actor.optim.lrr", r"nearest: .*actor_rollout_ref\.actor\.optim\.lr\b"),
    ],
)
def test_wrong_keys_are_refused(key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check_keys("rl", {}, {key: 1})
    assert re.search(re.escape(key), str(caught.value))


def test_open_mappings_take_new_keys() -> None:
    check_keys("rl", {"actor_rollout_ref.rollout.engine_kwargs.vllm.swap_space": 4}, {})
