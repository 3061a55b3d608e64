"""The Hydra launcher of this project: composes and checks every run of a `-m` command, then hands
them to the action together; run.py registers it, conf/hydra/launcher/reprise.yaml names it."""

import copy
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, env_override
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from harness import actions
from harness.actions import Request
from harness.differences import differences
from harness.errors import ConfigError, RepriseError
from harness.explain import explain_hydra
from harness.sweep.composing import SweepComposer
from harness.sweep.refusals import Refusal, refused
from harness.sweep.sweeper import GridSweeper

TRAINING_ACTIONS = ("run", "plan", "emit", "dry_run")
"""Actions on a training run; its specification is frozen, and so checked, before any starts."""

GRIDS = (
    "harness.sweep.sweeper.GridSweeper",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
)
"""Sweepers that know all runs beforehand and ask for no result."""

RESOURCES = (
    "What a run needs belongs in hardware= and launch.*, which are honoured for each run of a sweep"
)


def register() -> None:
    """Makes the plug-ins of this folder known to Hydra, which looks below hydra_plugins only."""
    plugins = Plugins.instance()
    ours = {f"{plugin.__module__}.{plugin.__name__}" for plugin in (SweepLauncher, GridSweeper)}
    if ours <= plugins.class_name_to_class.keys():
        return
    for plugin in (SweepLauncher, GridSweeper):
        plugins.register(plugin)
    known = plugins.is_in_toplevel_plugins_module
    plugins.is_in_toplevel_plugins_module = (  # type: ignore[method-assign]
        lambda clazz: clazz in ours or known(clazz)
    )


class SweepLauncher(Launcher):
    """Composes all runs, refuses the sweep if any of them is wrong, and calls the action once."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Hydra's hook before the first launch.

        Raises:
            ConfigError: something is set for Hydra that a sweep does not do.
        """
        loader = hydra_context.config_loader
        assert isinstance(loader, ConfigLoaderImpl)
        self._sweep, self._of_sweep = config, _of_sweep(config)
        _ = config.hydra.sweep.dir  # a ${now:...} in output_root is one time for all runs
        self._composer = SweepComposer(loader, config)
        ignored = [f"hydra.launcher.{key}={value}" for key, value in self._settings.items()]
        if config.hydra.job.chdir:
            ignored.append("hydra.job.chdir=true")
        if config.hydra.output_subdir is not None:
            ignored.append(f"hydra.output_subdir={config.hydra.output_subdir}")
        if ignored:
            raise ConfigError(f"{', '.join(ignored)}: a sweep has no such setting. {RESOURCES}")

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Does the action of all these runs; one answer for each, in order.

        Raises:
            ConfigError: at least one run is refused, and none was started.
        """
        if not job_overrides:
            return []
        requests = self._requests(job_overrides, initial_job_idx)
        action = _one_action(requests)
        searched = self._sweep.hydra.sweeper._target_ not in GRIDS
        if searched and action != "run":
            raise ConfigError(
                f"hydra/sweeper={self._sweep.hydra.runtime.choices['hydra/sweeper']} searches by "
                f"the score of each run, and action={action} gives none: use action=run, or leave "
                "hydra/sweeper out for all combinations"
            )
        with env_override(self._sweep.hydra.job.env_set):
            actions.act(action, requests)
        return _searched(requests) if searched else [_returned(request) for request in requests]

    def _requests(self, runs: Sequence[Sequence[str]], first: int) -> list[Request]:
        requests, refusals = [], []
        before = HydraConfig.instance().cfg
        try:
            for number, words in enumerate(runs, start=first):
                try:
                    requests.append(self._request(words, number))
                except RepriseError as error:
                    refusals.append(Refusal(list(words), str(error)))
                except (HydraException, OmegaConfBaseException) as error:
                    refusals.append(Refusal(list(words), str(explain_hydra(error))))
        finally:
            HydraConfig.instance().cfg = before
        if refusals:
            raise refused(refusals, len(runs))
        return requests

    def _request(self, words: Sequence[str], number: int) -> Request:
        config = self._composer.compose(words)
        if changed := differences(self._of_sweep, _of_sweep(config)):
            raise ConfigError(
                "a group of this run sets how the sweep is launched, and that is one for all runs "
                "(there: the sweep, here: this run):\n" + "\n".join([*changed, RESOURCES])
            )
        overrides = list(config.hydra.overrides.task)
        if self._composer.reads_hydra(words):  # while the specification is frozen below
            with open_dict(config.hydra):
                config.hydra.job.id = config.hydra.job.num = number
            HydraConfig.instance().set_config(config)
            config = copy.deepcopy(config)
        with read_write(config), open_dict(config):
            del config["hydra"]
        request = Request(config, overrides)
        if config.action in TRAINING_ACTIONS:
            request.spec  # noqa: B018  (frozen here, and kept)
        elif config.action == "eval":
            request.eval_spec  # noqa: B018
        return request


def _of_sweep(config: DictConfig) -> dict[str, Any]:
    """What Hydra knows that must be the same in all runs of a sweep."""
    hydra = OmegaConf.to_container(config.hydra)
    assert isinstance(hydra, dict)
    job = {k: v for k, v in hydra["job"].items() if k not in ("id", "num", "override_dirname")}
    runtime = {k: v for k, v in hydra["runtime"].items() if k != "choices"}
    own = {k: v for k, v in hydra.items() if k != "overrides"}
    return {"hydra": {**own, "job": job, "runtime": runtime}}


def _one_action(requests: Sequence[Request]) -> str:
    names = sorted({str(request.config.action) for request in requests})
    if len(names) > 1:
        raise ConfigError(f"action={','.join(names)}: a sweep does one action with all its runs")
    return names[0]


def _searched(requests: Sequence[Request]) -> list[JobReturn]:
    """The answers with the score of each run, which is waited for."""
    from harness.rundir import run_path
    from harness.submit.records import SUBMIT
    from harness.sweep.objective import objective

    folders = [run_path(r.spec) for r in requests if r.spec.launch.kind == "slurm"]
    if away := [folder for folder in folders if (folder / SUBMIT).exists()]:
        from harness.submit.watch import wait_for

        wait_for(away)
    answers = []
    for request in requests:
        try:
            answers.append(_returned(request, objective(request.spec)))
        except RepriseError as error:
            answers.append(_returned(request, error))
    return answers


def _returned(request: Request, value: float | RepriseError | None = None) -> JobReturn:
    failed = isinstance(value, RepriseError)
    return JobReturn(
        overrides=request.overrides,
        cfg=request.config,
        status=JobStatus.FAILED if failed else JobStatus.COMPLETED,
        _return_value=value,
    )
