"""verl keys -> the command that runs them; the pipeline starts it, `action=plan` prints it."""

import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.spec import RunSpec
from harness.verl.keys import needs_plus

OVERRIDE = re.compile(r"\+?[a-z_]\w*(\.\w+)+=")
BARE = re.compile(r"[\w./:+-]+")
"""Text that Hydra's grammar reads as a plain string without quotes."""


def command(spec: RunSpec, keys: Mapping[str, Any], hydra_dir: Path) -> list[str]:
    """The process that trains: `main_ppo` under Ray, or the SFT trainer under torchrun.

    Args:
        spec: the frozen run.
        keys: flat verl keys of emit.py.
        hydra_dir: where verl's own Hydra may write.
    """
    kind = spec.algorithm.kind
    overrides = [override(kind, key, value) for key, value in keys.items()]
    overrides += [f"hydra.run.dir={quoted(str(hydra_dir))}", "hydra.output_subdir=null"]
    if kind == "rl":
        return [sys.executable, "-m", "verl.trainer.main_ppo", *overrides]
    launcher = [
        # Without an address torchrun waits for that of the host's name, which may have none.
        *("-m", "torch.distributed.run", "--standalone", "--nnodes=1", "--local-addr=127.0.0.1"),
        f"--nproc_per_node={spec.hardware.gpus_per_node}",
    ]
    return [sys.executable, *launcher, "-m", "verl.trainer.sft_trainer", *overrides]


def printable(words: Sequence[str], settings: Mapping[str, str]) -> str:
    """A command with its environment as shell text, one assignment or override a line."""
    head = next((i for i, word in enumerate(words) if OVERRIDE.match(word)), len(words))
    variables = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    start = shlex.join(["python", *words[1:head]])
    return " \\\n  ".join(["env", *variables, start, *map(shlex.quote, words[head:])])


def override(kind: str, key: str, value: Any) -> str:
    """One Hydra override, with `+` where verl's files do not list the key."""
    return f"{'+' if needs_plus(kind, key) else ''}{key}={quoted(value)}"


def quoted(value: Any) -> str:
    """A value in Hydra's override grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{quoted(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(quoted(inner) for inner in value) + "]"
    if isinstance(value, str) and not _plain(value):
        escaped = value.replace("\\", "\\\\") if value.endswith("\\") else value
        return "'" + escaped.replace("'", "\\'") + "'"
    return str(value)


def _plain(text: str) -> bool:
    if not BARE.fullmatch(text):
        return False
    try:
        json.loads(text.lower())
    except json.JSONDecodeError:
        return True
    return False
