"""A recipe at full size, whatever the hardware of the command line: fidelity is about what upstream
ran, and a miniature on a laptop changes model, data and sizes on purpose."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from harness.compose import at_the_door, to_run_spec
from harness.errors import ConfigError
from harness.explain import CONF_DIR, explain_hydra, options
from harness.spec import RunSpec

USUAL = "4xA800"
"""The profile that is tried first."""


def full_size(overrides: Sequence[str]) -> RunSpec:
    """The run of a command line on GPUs: on its own hardware, or, where that is the laptop, on the
    usual profile, and on the largest that takes it if the usual one does not.

    Raises:
        ConfigError: the run is refused on every profile (the reason is that of the usual one).
    """
    words = [word.replace("=miniature/", "=") for word in overrides]
    chosen = [word for word in words if word.startswith("hardware=")]
    if chosen and chosen[-1] != "hardware=cpu":
        return composed(words)
    rest = [word for word in words if not word.startswith("hardware=")]
    config = _composed(at_the_door([*rest, f"hardware={USUAL}"]))
    try:
        return to_run_spec(config)
    except ConfigError as error:
        return _on_another_profile(config, error)


def _on_another_profile(config: DictConfig, refusal: ConfigError) -> RunSpec:
    for profile in _from_large_to_small():
        config.hardware = OmegaConf.create(_hardware(profile))
        try:
            return to_run_spec(config)
        except ConfigError:
            continue
    raise refusal


@cache
def recipe(name: str) -> RunSpec:
    """The run of conf/repro/<name>.yaml at full size."""
    return full_size([f"repro={name}"])


def composed(overrides: Sequence[str]) -> RunSpec:
    """The run of a command line as it stands, in miniature where its hardware is the laptop."""
    return to_run_spec(_composed(at_the_door(overrides)))


def _composed(words: Sequence[str], config: str = "config") -> DictConfig:
    """Hydra's composition; inside run.py Hydra is started already."""
    try:
        if GlobalHydra.instance().is_initialized():
            return compose(config, list(words))
        with initialize_config_dir(str(CONF_DIR), version_base=None):
            return compose(config, list(words))
    except HydraException as error:
        raise explain_hydra(error) from error


@cache
def _hardware(profile: str) -> dict[str, Any]:
    composed = _composed([], f"hardware/{profile}").hardware
    return dict(OmegaConf.to_container(composed))  # type: ignore[arg-type]


def _from_large_to_small() -> list[str]:
    """GPU profiles by the number of GPUs that their names start with."""
    profiles = [name for name in options("hardware") if name != "cpu"]
    return sorted(profiles, key=lambda name: -int(name.split("x")[0]))
