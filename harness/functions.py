"""Functions that a configuration or a card names as `module:function`; rewards, checks and golden
cases are found through it."""

import importlib
from typing import Any

from harness.errors import ConfigError
from harness.spec import Reward


def function_named(reference: str, where: str) -> Any:
    """The function behind `module:function`.

    Args:
        reference: the name.
        where: the setting that holds it, for the message.

    Raises:
        ConfigError: there is no such module or function.
    """
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{where}={reference} cannot be imported ({error}); give module:function, importable "
            "from the folder of run.py"
        ) from error


def find_reward_functions(reward: Reward) -> None:
    """Imports what a reward names, so that a wrong name shows before anything starts.

    Raises:
        ConfigError: as function_named.
    """
    for field in ("function", "group", "batch", "check"):
        if reference := getattr(reward, field):
            function_named(reference, f"reward.{field}")
    if reward.dense:
        function_named(reward.dense.function, "reward.dense.function")
