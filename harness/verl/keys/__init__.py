"""The key tree of the pinned verl, offline: emit.py checks every key against it."""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.errors import ConfigError

VERL_VERSION = "0.9.1"

OPEN_PREFIXES = (
    "actor_rollout_ref.model.override_config.",
    "actor_rollout_ref.actor.fsdp_config.mixed_precision.",
    "actor_rollout_ref.ref.fsdp_config.mixed_precision.",
    "actor_rollout_ref.rollout.engine_kwargs.",
    "actor_rollout_ref.actor.optim.override_optimizer_config.",
    "critic.model.override_config.",
    "critic.fsdp.mixed_precision.",
    "engine.mixed_precision.",
    "model.override_config.",
    "ray_kwargs.ray_init.",
    "reward.custom_reward_function.reward_kwargs.",
    "reward.reward_kwargs.",
    "data.apply_chat_template_kwargs.",
    "reprise.",
)
"""Mappings that hold keys which verl's own configuration files do not list; `reprise.` is read by
our plug-ins."""


@cache
def known_keys(trainer: str) -> dict[str, Any]:
    """Key -> default of verl's `rl` or `sft` trainer."""
    text = (Path(__file__).parent / f"{VERL_VERSION}.json").read_text()
    keys: dict[str, Any] = json.loads(text)[trainer]
    return keys


@cache
def dead_keys(trainer: str) -> dict[str, str]:
    """Prefix -> what to use instead, for keys that the trainer accepts and never reads."""
    text = (Path(__file__).parent / f"dead-{VERL_VERSION}.yaml").read_text()
    return dict(yaml.safe_load(text)[trainer])


def needs_plus(trainer: str, key: str) -> bool:
    """True when Hydra must be told to add the key (it is not in verl's own files)."""
    return key not in known_keys(trainer)


def check_keys(trainer: str, emitted: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
    """Refuses keys that verl does not know or does not read.

    Args:
        trainer: `rl` or `sft`.
        emitted: keys that emit.py writes (a failure here is a defect of emit.py).
        extra: keys that the user wrote below `verl:`.

    Raises:
        ConfigError: names the key, its nearest known name, or what to set instead.
    """
    for key in (*emitted, *extra):
        if reason := _dead(trainer, key):
            raise ConfigError(
                f"verl key {key} is accepted by verl {VERL_VERSION} and then ignored: {reason}"
            )
        if key in known_keys(trainer) or key.startswith(OPEN_PREFIXES):
            continue
        near = difflib.get_close_matches(key, known_keys(trainer), n=3, cutoff=0.6)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise ConfigError(f"verl {VERL_VERSION} has no key {key}{hint}")


@cache
def _dead(trainer: str, key: str) -> str | None:
    for prefix, instead in dead_keys(trainer).items():
        if key == prefix or key.startswith(f"{prefix}."):
            return instead
    return None
