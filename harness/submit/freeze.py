"""Everything that a submission's jobs need, written before SLURM hears of them; submission.py calls
it. What is frozen here is what runs: nodes never compose."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.chain import Leg, legs
from harness.errors import SubmitError
from harness.files import write_json, write_text
from harness.paths import ROOT
from harness.plan.batches import planned_steps
from harness.provenance import packages
from harness.rundir import RunDir, record
from harness.spec import RunSpec, SlurmLaunch
from harness.verl.command import command, printable
from harness.verl.emit import emit
from harness.verl.environment import assignments

ENVIRONMENT = "environment.txt"
FROZEN = "frozen.json"
"""In train/: verl's keys as they were submitted; verl.json has those of the last attempt."""
STEPS_KEY = "trainer.total_training_steps"
"""Not known before the data are prepared, unless the recipe says how many rows there are."""

Keys = dict[str, Any]


def freeze_run(directory: RunDir, spec: RunSpec, code: Path) -> None:
    """Writes run.json, and the verl keys and command of every training.

    Args:
        directory: the run's.
        spec: the frozen run; its output_root is absolute.
        code: the snapshot with which it will run.

    Raises:
        ConfigError: verl has no such keys; nothing was written.
        RunDirError: the directory belongs to another run.
    """
    trainings = [(leg, frozen_keys(leg, directory.path, code)) for leg in legs(spec)]
    directory.path.mkdir(parents=True, exist_ok=True)
    directory.freeze(record(spec))
    for leg, keys in trainings:
        folder = leg.folder(directory.path)
        logs = folder / "logs" / "attempt_1"
        settings = assignments(leg.spec, folder, logs)
        settings = {name: relocated(value, code) for name, value in settings.items()}
        words = command(leg.spec, keys, logs / "hydra")
        write_json(folder / "train" / FROZEN, keys)
        write_text(folder / "train" / "command.txt", printable(words, settings) + "\n")


def frozen_keys(leg: Leg, run_dir: Path, code: Path) -> Keys:
    """The verl keys of one training as they will be on the node."""
    keys = emit(leg.spec, leg.folder(run_dir), planned_steps(leg.spec))
    return {name: relocated(value, code) for name, value in keys.items()}


def relocated(value: Any, code: Path) -> Any:
    """A path of the working tree as the same path of its snapshot; anything else as it is."""
    if not isinstance(value, str) or not value.startswith(str(ROOT)):
        return value
    twin = code / Path(value).relative_to(ROOT) if Path(value).is_relative_to(ROOT) else None
    return str(twin) if twin and twin.exists() else value


def changed_keys(spec: RunSpec, run_dir: Path) -> list[str]:
    """Verl keys whose value here and now differs from what was frozen, with both values."""
    changed = []
    for leg in legs(spec):
        folder = leg.folder(run_dir)
        before: Keys = json.loads((folder / "train" / FROZEN).read_text())
        now = emit(leg.spec, folder, planned_steps(leg.spec))
        changed += [
            f"{leg.name} {name}: frozen {before.get(name)!r}, here {now.get(name)!r}".strip()
            for name in sorted({*before, *now} - {STEPS_KEY})
            if before.get(name) != now.get(name)
        ]
    return changed


def environment_text() -> str:
    """Name==version of every installed package, a line each."""
    return "".join(f"{name}=={version}\n" for name, version in packages().items())


def changed_packages(frozen: str) -> list[str]:
    """Packages that are not as in a frozen environment, with both versions."""
    before = dict(line.split("==", 1) for line in frozen.splitlines() if "==" in line)
    now = packages()
    return [
        f"{name}: frozen {before.get(name, 'absent')}, here {now.get(name, 'absent')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def refuse_unshared(spec: RunSpec, launch: SlurmLaunch, code: Path, python: str) -> None:
    """Raises SubmitError when something that a run needs lies outside shared_paths."""
    if not launch.shared_paths:
        return
    shared = [Path(os.path.expandvars(path)).expanduser().resolve() for path in launch.shared_paths]
    outside = [
        f"  {what}: {path}"
        for what, path in _needed(spec, launch, code, python)
        if not any(_real(Path(path)).is_relative_to(folder) for folder in shared)
    ]
    if outside:
        raise SubmitError(
            "the nodes would not see these, which lie in none of launch.shared_paths "
            f"({shlex.join(map(str, shared))}):\n" + "\n".join(outside) + "\nMove them, set "
            "output_root= to a shared folder, or correct shared_paths in the profile "
            f"{launch.profile}"
        )


def _real(path: Path) -> Path:
    """Without links in its folders; a virtual environment's Python is itself a link, and stays."""
    return path.absolute().parent.resolve() / path.name


def _needed(
    spec: RunSpec, launch: SlurmLaunch, code: Path, python: str
) -> Iterator[tuple[str, str]]:
    yield "output_root", spec.output_root
    yield "code", str(code)
    if launch.container.kind == "none":
        yield "interpreter", python
    elif launch.container.image and launch.container.image.startswith("/"):
        yield "image", launch.container.image
    if spec.model.path.startswith(("/", "~", ".")):
        yield "model", str(Path(spec.model.path).expanduser().absolute())
    if spec.data.source.kind == "file":
        yield "data", str(Path(spec.data.source.path).expanduser().absolute())
