"""Sweeps in this process, up to the action, which is recorded instead of done; for these tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from harness import actions
from harness.actions import Request
from harness.compose import at_the_door
from harness.explain import CONF_DIR
from harness.sweep.launcher import register

PLUGINS = ["hydra/launcher=reprise", "hydra/sweeper=reprise"]


@dataclass
class Acted:
    """What the action was called with, call by call."""

    calls: list[tuple[str, list[Request]]] = field(default_factory=list)

    def act(self, name: str, requests: Sequence[Request]) -> int:
        """Stands for harness.actions.act."""
        self.calls.append((name, list(requests)))
        return 0


@contextmanager
def recorded() -> Iterator[Acted]:
    """The action replaced by a record of its calls."""
    acted = Acted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions, "act", acted.act)
        yield acted


def _nothing(config: DictConfig) -> None:
    raise AssertionError("Hydra called the task of a single run")


def multirun(*words: str, plugins: Sequence[str] = PLUGINS) -> Any:
    """`run.py -m <words>` behind the door; what the sweeper answers."""
    register()
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        given = [*at_the_door(words), *plugins, "hydra.mode=MULTIRUN"]
        return hydra.multirun("config", _nothing, given)


@contextmanager
def master(*words: str) -> Iterator[tuple[ConfigLoaderImpl, DictConfig]]:
    """Hydra's loader, and the configuration of a sweep itself."""
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, ConfigLoaderImpl)
        yield loader, loader.load_configuration("config", at_the_door(words), RunMode.MULTIRUN)
