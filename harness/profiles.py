"""Cluster profiles: one YAML file says how a cluster is used; compose.py puts it under what the
command line sets of `launch`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.errors import ConfigError
from harness.files import read_yaml
from harness.paths import ROOT

PROFILES = ROOT / "slurm" / "profiles"


def with_profile(launch: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `launch` over those of the profile it names; local launches stay as they are.

    Raises:
        ConfigError: there is no such profile, or its file is no mapping.
    """
    fields = dict(launch)
    if fields.get("kind") != "slurm" or not isinstance(fields.get("profile"), str):
        return fields
    return _over(read_profile(fields["profile"]), fields)


def read_profile(name: str) -> dict[str, Any]:
    """The fields of a profile, by its name in slurm/profiles or by its path."""
    is_path = "/" in name or name.endswith((".yaml", ".yml"))
    path = Path(name).expanduser() if is_path else PROFILES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in PROFILES.glob("*.yaml")))
        raise ConfigError(
            f"launch.profile={name}: there is no {path}. Give one of {known}, or the path of your "
            "own YAML file (slurm/profiles/example.yaml shows every field)"
        )
    try:
        content = read_yaml(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"launch.profile={name}: {path} is no YAML: {error}") from error
    except OSError as error:
        raise ConfigError(f"launch.profile={name}: {path}: {error.strerror}") from error
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"launch.profile={name}: {path} must hold `field: value` lines")
    return content or {}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            value = _over(under, value)
        merged[key] = value
    return merged
