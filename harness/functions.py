"""Functions that a configuration or a card names as `module:function`; rewards, checks and golden
cases are found through it."""

import importlib
from typing import Any

from harness.errors import ConfigError


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
