"""A recipe at full size, whatever the hardware of the command line: fidelity is about what upstream
ran, and a miniature on a laptop changes model, data and sizes on purpose."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from harness.compose import at_the_door, to_run_spec
from harness.errors import ConfigError
from harness.explain import CONF_DIR, options
from harness.spec import RunSpec

USUAL = "4xA800"
"""The profile that is tried first."""


def full_size(overrides: Sequence[str]) -> RunSpec:
    """The run of a command line on GPUs: on its own hardware, or, where that is the laptop, on the
    smallest profile that takes it.

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
    for profile in _by_size():
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
    if GlobalHydra.instance().is_initialized():
        return compose(config, list(words))
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        return compose(config, list(words))


@cache
def _hardware(profile: str) -> dict[str, Any]:
    composed = _composed([], f"hardware/{profile}").hardware
    return dict(OmegaConf.to_container(composed))  # type: ignore[arg-type]


@cache
def _by_size() -> list[str]:
    """GPU profiles, from the least memory in all to the most."""
    sizes = {name: _hardware(name) for name in options("hardware") if name != "cpu"}
    return sorted(
        sizes,
        key=lambda name: (
            sizes[name]["nodes"] * sizes[name]["gpus_per_node"] * (sizes[name]["gpu_mem_gb"] or 0)
        ),
    )
