"""Writes down when each phase of a training step begins and ends; verl imports this as an external
module in the measured run alone, and device_memory.py joins the marks with memory samples."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from harness.verl.after_import import after_import

FILE_VARIABLE = "REPRISE_PHASE_MARKS"
"""Names the file to append to."""
MODULE = "bench.gpu.phases"
"""What VERL_USE_EXTERNAL_MODULES lists."""
TIMED = (
    "verl.trainer.ppo.v1.trainer_base",
    "verl.trainer.ppo.v1.trainer_sync",
    "harness.verl.plugins.trainer",
)
"""Modules that time phases by `marked_timer`, each under a name of its own."""

Timer = Callable[..., AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Mark:
    """One phase of one step."""

    phase: str
    begin: float
    end: float
    """Both as time.time()."""


def marking(timer: Timer, path: str) -> Timer:
    """A timer that also appends a line at the begin and at the end of each phase."""

    @contextmanager
    def marked(name: str, *arguments: Any, **options: Any) -> Iterator[None]:
        _append(path, name, "begin")
        try:
            with timer(name, *arguments, **options):
                yield
        finally:
            _append(path, name, "end")

    return marked


def _append(path: str, phase: str, edge: str) -> None:
    line = json.dumps({"phase": phase, "edge": edge, "time": time.time()})
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def marks(lines: Iterable[str]) -> list[Mark]:
    """The phases of a file of marks by their ends; one without an end, or a line cut short by a
    kill, is left out."""
    begun: dict[str, list[float]] = {}
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if entry["edge"] == "begin":
            begun.setdefault(entry["phase"], []).append(entry["time"])
        elif begun.get(entry["phase"]):
            found.append(Mark(entry["phase"], begun[entry["phase"]].pop(), entry["time"]))
    return found


def _register(module: ModuleType) -> None:
    name: Any = "marked_timer"
    setattr(module, name, marking(getattr(module, name), os.environ[FILE_VARIABLE]))


if FILE_VARIABLE in os.environ:
    after_import(dict.fromkeys(TIMED, _register))
