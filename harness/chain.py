"""A run's trainings in order: one, or a chain in which each starts from the model that the one
before exported. The pipeline trains them, plan, emit and fidelity show them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import ConfigError
from harness.explain import explain
from harness.paths import model_path
from harness.rundir import NOTICE
from harness.spec import RunSpec

STAGES_FOLDER = "stages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One training of a run."""

    name: str
    """The stage's name; empty for a run that trains once."""
    spec: RunSpec
    """The run as this training sees it."""

    def folder(self, run_dir: Path) -> Path:
        """Where its data, checkpoints and model lie."""
        return run_dir / STAGES_FOLDER / self.name if self.name else run_dir


def legs(spec: RunSpec) -> list[Leg]:
    """The trainings of a run.

    Raises:
        ConfigError: two stages share a name, or a stage sets a field that does not exist or has
            another type.
    """
    names = [stage.name for stage in spec.stages]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"stages: {', '.join(twice)} is there twice; give each its own name")
    if not spec.stages:
        return [Leg(name="", spec=spec)]
    found: list[Leg] = []
    for stage in spec.stages:
        fields = spec.model_dump() | {
            "stages": [],
            "starts_from": found[-1].name if found else None,
        }
        for field, value in stage.set.items():
            _set(fields, field, value, stage.name)
        try:
            found.append(Leg(name=stage.name, spec=RunSpec.model_validate(fields)))
        except ValidationError as error:
            raise ConfigError(f"stage {stage.name}: {explain(error)}") from error
    return found


def run_folder(training: Path) -> Path:
    """The run's directory, from that of one of its trainings."""
    return training.parents[1] if training.parent.name == STAGES_FOLDER else training


def announced_end(training: Path) -> bool:
    """Whether somebody has announced, at the run of a training, that this attempt will end soon."""
    return (run_folder(training) / NOTICE).exists()


def start_path(spec: RunSpec, leg_dir: Path) -> str:
    """The model that a training starts from: the run's base, or the export of the stage before."""
    if spec.starts_from is None:
        return model_path(spec.model)
    return str(leg_dir.parent / spec.starts_from / "model")


def _set(fields: dict[str, Any], dotted: str, value: Any, stage: str) -> None:
    *parents, last = dotted.split(".")
    node = fields
    for parent in parents:
        inner = node.get(parent)
        if not isinstance(inner, dict):
            raise ConfigError(
                f"stage {stage} sets {dotted}, and {parent} is {inner!r} in this run: set the "
                f"whole of {parent}, or give it in the recipe"
            )
        node = inner
    node[last] = value
