"""Hydra's grid without what it does beside: all combinations go to the launcher in one batch;
conf/hydra/sweeper/reprise.yaml names it."""

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridSweeper(Sweeper):
    """Every combination of the values that were listed, the last list turning fastest.

    Hydra's own composes each run once more to check it, stops at the first wrong one, and leaves a
    multirun.yaml: here the launcher checks all runs, and each run records itself.

    Args:
        params: overrides of a sweep that is written in a file, such as {"seed": "1,2,3"}.
    """

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        self._params = dict(params or {})

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Hydra's hook before the sweep."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        """Launches the combinations of a command line."""
        # Hydra loads its own plug-ins anew when it looks for them: not to be imported before.
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        assert self.hydra_context is not None and self.launcher is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        words = [*(f"{key}={value}" for key, value in self._params.items()), *arguments]
        overrides = parser.parse_overrides(words)
        (runs,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
        return self.launcher.launch(runs, initial_job_idx=0)
