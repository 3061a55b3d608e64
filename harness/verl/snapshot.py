"""Writes harness/verl/keys/<version>.json from the installed verl: every key of its two trainers
with its default, so that emitted keys are validated offline.

Run: python -m harness.verl.snapshot
"""

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, ListConfig, OmegaConf

KEYS_DIR = Path(__file__).parent / "keys"
TRAINERS = {"rl": "ppo_trainer", "sft": "sft_trainer_engine"}


def flatten(node: DictConfig, prefix: str = "") -> dict[str, Any]:
    """Dotted leaf keys -> defaults, interpolations kept as text; an empty mapping is a leaf."""
    leaves: dict[str, Any] = {}
    for key in map(str, node):
        name = f"{prefix}{key}"
        value = None if OmegaConf.is_missing(node, key) else node._get_node(key)
        if isinstance(value, DictConfig) and not value._is_none() and not value._is_interpolation():
            inner = flatten(value, name + ".")
            leaves.update(inner or {name: {}})
        elif isinstance(value, ListConfig):
            leaves[name] = OmegaConf.to_container(value, resolve=False)
        else:
            leaves[name] = "???" if value is None else value._value()
    return leaves


def installed_keys() -> dict[str, dict[str, Any]]:
    """Keys of the installed verl by trainer; reads its configuration files, imports no verl."""
    spec = find_spec("verl")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("verl is not installed: make setup")
    folder = Path(spec.origin).parent / "trainer" / "config"
    keys = {}
    for trainer, name in TRAINERS.items():
        with initialize_config_dir(str(folder), version_base=None):
            keys[trainer] = flatten(compose(name))
    return keys


def main() -> None:
    """Writes the snapshot of the installed version."""
    target = KEYS_DIR / f"{version('verl')}.json"
    target.write_text(json.dumps(installed_keys(), indent=1, sort_keys=True) + "\n")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
