"""A sweeper that asks for results: a hill climber over two batches gets the score of each run."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from harness import actions
from harness.actions import Request
from harness.errors import ConfigError, EvaluationError
from harness.rundir import run_path
from harness.spec import RunSpec
from harness.submit import watch
from tests.sweep.climbing import HillClimber
from tests.sweep.conftest import Finish
from tests.sweep.sweeping import PLUGINS, multirun

CLIMBING = [PLUGINS[0], "hydra/sweeper=climber"]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The climber, made known to Hydra as a user's plug-in is."""
    name = "hydra_plugins.climber.HillClimber"
    package, module = ModuleType("hydra_plugins"), ModuleType("hydra_plugins.climber")
    package.climber, module.HillClimber = module, HillClimber  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hydra_plugins", package)
    monkeypatch.setitem(Plugins.instance().class_name_to_class, name, HillClimber)
    ConfigStore.instance().store(
        group="hydra/sweeper", name="climber", node={"_target_": name}, provider="test"
    )


def acting(monkeypatch: pytest.MonkeyPatch, work: Callable[[RunSpec], Any]) -> list[list[int]]:
    """Replaces the action; gives the seeds of each batch."""
    batches: list[list[int]] = []

    def act(name: str, requests: Sequence[Request]) -> int:
        batches.append([request.spec.seed for request in requests])
        for request in requests:
            work(request.spec)
        return 0

    monkeypatch.setattr(actions, "act", act)
    return batches


def test_the_second_batch_follows_from_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finish: Finish
) -> None:
    batches = acting(monkeypatch, lambda spec: finish(spec, spec.seed / 20))
    best, score, failed = multirun(f"output_root={tmp_path}/out", plugins=CLIMBING)
    assert batches == [[9, 11], [10, 12]]
    assert (best, score, failed) == (12, 0.6, [])


def test_a_failed_run_tells_the_sweeper_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finish: Finish
) -> None:
    def work(spec: RunSpec) -> None:
        fails = spec.seed == 11
        finish(spec, 0.5, "failed" if fails else "done", reason="CUDA out of memory")

    batches = acting(monkeypatch, work)
    best, _, failed = multirun(f"output_root={tmp_path}/out", plugins=CLIMBING)
    assert batches == [[9, 11], [8, 10]] and best == 9
    ((seed, error),) = failed
    assert seed == 11 and isinstance(error, EvaluationError)
    assert "CUDA out of memory" in str(error)


def test_runs_on_slurm_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finish: Finish
) -> None:
    submitted: dict[Path, RunSpec] = {}
    waits: list[list[Path]] = []

    def work(spec: RunSpec) -> None:
        if spec.seed == 8:
            return  # this one SLURM refused
        submitted[run_path(spec)] = spec
        run_path(spec).mkdir(parents=True)
        (run_path(spec) / "submit.json").write_text("{}")

    def wait_for(folders: Sequence[Path]) -> None:
        waits.append(list(folders))
        for folder in folders:
            finish(submitted[folder], 1 / submitted[folder].seed)

    acting(monkeypatch, work)
    monkeypatch.setattr(watch, "wait_for", wait_for)
    words = ("launch=slurm", f"output_root={tmp_path}/out")
    best, score, failed = multirun(*words, plugins=CLIMBING)
    assert [len(folders) for folders in waits] == [2, 1]
    assert (best, score) == (9, 1 / 9)
    assert [seed for seed, _ in failed] == [8]


def test_a_search_without_scores_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sweeper=climber searches .* action=plan gives"):
        multirun("action=plan", plugins=CLIMBING)
