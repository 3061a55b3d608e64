"""What run.py can do with a composed run: one function an action, its docstring is its help.

To add an action, write a function here and name it in ACTIONS.
"""

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from omegaconf import DictConfig

from harness.compose import to_run_spec
from harness.errors import ConfigError
from harness.spec import RunSpec


@dataclass(frozen=True)
class Request:
    """One composed command line."""

    config: DictConfig
    overrides: list[str]

    @cached_property
    def spec(self) -> RunSpec:
        """The run, frozen and checked."""
        return to_run_spec(self.config)


def run(request: Request) -> int:
    """Train, evaluate and report; continues where an earlier attempt at the same run ended.

    Stages: prepare, train, export, evaluate, report. Exit code 0 means that all the steps asked for
    were done and the report is written.
    Example: python run.py +repro=tinyzero
    """
    from harness.pipeline import execute

    execute(request.spec, request.overrides)
    return 0


def plan(request: Request) -> int:
    """Print what the run would do: sizes, batch arithmetic, stages, the equivalent verl command.

    Starts nothing and needs no GPU.
    Example: python run.py +repro=tinyzero hardware=4xA800 action=plan
    """
    from harness.plan import planned_steps, text
    from harness.rundir import run_name
    from harness.verl.command import command, printable
    from harness.verl.emit import emit
    from harness.verl.environment import assignments

    spec, name = request.spec, run_name(request.spec)
    folder = Path(spec.output_root).resolve() / name
    keys = emit(spec, folder, planned_steps(spec))
    print(text(spec, name))
    logs = folder / "logs" / "attempt_1"
    settings = assignments(spec, folder, logs)
    print("\nequivalent command\n" + printable(command(spec, keys, logs / "hydra"), settings))
    return 0


def emit(request: Request) -> int:
    """Print the verl keys of every training stage as JSON on stdout, and nothing else there.

    Example: python run.py +repro=tinyzero hardware=4xA800 action=emit > keys.json
    """
    from harness.plan import planned_steps
    from harness.rundir import run_name
    from harness.verl.emit import emit as verl_keys

    spec = request.spec
    folder = Path(spec.output_root).resolve() / run_name(spec)
    print(json.dumps({"train": verl_keys(spec, folder, planned_steps(spec))}, indent=1))
    return 0


def list_repros(request: Request) -> int:
    """Print every surveyed project and its status.

    Example: python run.py action=list
    """
    from harness.cards import catalogue

    for entry in catalogue():
        print(f"{entry.id:<22} {entry.status:<18} {entry.name}{_note(entry.note)}")
    return 0


def _note(note: str | None) -> str:
    return f"  ({note})" if note else ""


def conformance(request: Request) -> int:
    """Score a file of golden cases with the repro's reward and compare with upstream's verdicts.

    Prints "N of M agree" and the disagreements; exit code 1 if there are any.
    Example: python run.py +repro=tinyzero action=conformance cases=golden.jsonl
    """
    from harness.cards import load_card
    from harness.conformance import conform, report

    repro, cases = request.config.repro, request.config.cases
    if not repro or not cases:
        raise ConfigError(
            f"action=conformance was given repro={repro} cases={cases}: it needs both, for example "
            "+repro=tinyzero cases=reproductions/tinyzero/golden.jsonl"
        )
    result = conform(Path(cases), load_card(repro))
    print(report(result))
    return 1 if result.disagreements else 0


ACTIONS: dict[str, Callable[[Request], int]] = {
    "run": run,
    "plan": plan,
    "emit": emit,
    "list": list_repros,
    "conformance": conformance,
}


def chosen_action(name: str) -> Callable[[Request], int]:
    """The action of that name.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    if name in ACTIONS:
        return ACTIONS[name]
    near = difflib.get_close_matches(name, ACTIONS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"action={name} does not exist; {hint}Actions: {', '.join(ACTIONS)}")
