"""Composes a command line the way run.py does, in this process; for the tests."""

from functools import cache

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from harness.compose import at_the_door, to_eval_spec, to_run_spec
from harness.errors import ConfigError
from harness.explain import CONF_DIR
from harness.spec import EvalSpec, RunSpec


def config_of(*overrides: str) -> DictConfig:
    """The composed configuration of a command line."""
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        return compose("config", at_the_door(overrides))


@cache
def spec_of(*overrides: str, must_fit: bool = True) -> RunSpec:
    """The frozen run of a command line; composing is most of what many tests take."""
    return to_run_spec(config_of(*overrides), must_fit=must_fit)


def on_gpus(
    recipe: str, *overrides: str, hardware: str = "8xA100", must_fit: bool = True
) -> RunSpec:
    """A recipe on a GPU profile, or on six GPUs if a step's responses do not spread over it."""
    try:
        return spec_of(f"+repro={recipe}", f"hardware={hardware}", *overrides, must_fit=must_fit)
    except ConfigError as error:
        if "does not divide over" not in str(error):
            raise
        return spec_of(f"+repro={recipe}", "hardware=6xA100", *overrides, must_fit=must_fit)


def eval_spec_of(*overrides: str) -> EvalSpec:
    """The frozen evaluation of a command line."""
    return to_eval_spec(config_of(*overrides), at_the_door(overrides))
