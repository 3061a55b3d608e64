"""reward.check: the project's own word on which ground truths its reward can score; preparation
asks it row by row."""

import inspect
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.functions import function_named

Check = Callable[[Any], str | None]
"""Ground truth (a mapping of data.ground_truth) -> why it cannot be scored; None when it can."""


def load_check(name: str) -> Check:
    """The function that reward.check names as `module:function`.

    Raises:
        ConfigError: there is none.
    """
    check: Check = function_named(name, "reward.check")
    return check


def code_sha256(name: str) -> str:
    """What data prepared with a check depends on: its name and the file that holds it."""
    source = inspect.getsourcefile(inspect.unwrap(load_check(name)))
    content = Path(source).read_bytes() if source else b""
    return sha256(name.encode() + content).hexdigest()


def asking(name: str | None) -> Callable[[str], str | None]:
    """The check as a function of the ground truth's JSON text; without one all can be scored."""
    if name is None:
        return lambda _: None
    check = load_check(name)

    def ask(ground_truth: str) -> str | None:
        try:
            return check(json.loads(ground_truth))
        except Exception as error:  # of the project's own code: whatever it raises, name the row
            raise DataError(
                f"reward.check={name} failed on the ground truth {ground_truth:.200}: "
                f"{type(error).__name__}: {error}; mend the function, or set reward.check=null"
            ) from error

    return ask
