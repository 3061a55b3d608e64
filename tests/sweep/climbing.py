"""A sweeper that searches: each batch of runs depends on the scores of the one before."""

from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class HillClimber(Sweeper):
    """Tries the neighbours of the best seed so far, twice."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Hydra's hook."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """The best seed, its score, and what failed on the way."""
        assert self.launcher is not None
        best, score, failed, done = 10, -1.0, [], 0
        for _ in range(2):
            seeds = (best - 1, best + 1)
            batch = [[*arguments, f"++seed={seed}"] for seed in seeds]
            for seed, answer in zip(seeds, self.launcher.launch(batch, done), strict=True):
                if answer.status is not JobStatus.COMPLETED:
                    failed.append((seed, answer._return_value))
                elif answer.return_value > score:
                    best, score = seed, answer.return_value
            done += len(batch)
        return best, score, failed
