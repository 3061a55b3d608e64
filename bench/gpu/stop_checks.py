"""What is read off a run that was killed and continued: did it resume where it should, is its
export whole, how long did it take; bench/gpu/stops.py makes such runs."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu.runs import RunOutcome
from harness.steps import effective_attempts, steps_of_file
from harness.verl.environment import METRICS_LOG

GONE_S = 60.0
"""How long a killed run's processes may take to end by themselves."""
DIFFERENCE = "training/rollout_probs_diff_mean"
Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One algorithm and where it is stopped."""

    name: str
    overrides: tuple[str, ...]
    steps: int
    save_every: int
    kill_after: int
    """The kill comes as soon as the event log has this step."""

    @property
    def words(self) -> tuple[str, ...]:
        """Every override of the run."""
        schedule = (f"schedule.steps={self.steps}", f"schedule.save_every={self.save_every}")
        return (*self.overrides, *schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is in the exported model's folder."""

    files: int
    parameters: int
    problems: tuple[str, ...]


def last_step(events: Sequence[Event]) -> int:
    """The last step in an event log; 0 without one."""
    return max((int(event["step"]) for event in events if event["kind"] == "step"), default=0)


def of_steps(events: Sequence[Event], attempt: int) -> list[Event]:
    """The steps of an attempt."""
    return [e for e in events if e["kind"] == "step" and e["attempt"] == attempt]


def starts(events: Sequence[Event]) -> list[int]:
    """The step that each attempt continued from."""
    return [int(event["start"]) for event in events if event["kind"] == "train_started"]


def verdict(
    case: Case, before: Sequence[Event], events: Sequence[Event], log: str, gone_s: float
) -> list[str]:
    """What is wrong with how a run resumed and ended; empty when nothing is.

    Args:
        case: what was run.
        before: the event log at the kill.
        events: the event log at the end.
        log: verl's log of the second attempt.
        gone_s: seconds until the killed run's processes had ended.
    """
    begun, why = starts(events), []
    if last_step(before) >= case.steps:
        why.append("the run had finished its steps before the kill came")
    if gone_s >= GONE_S:
        why.append(f"processes of the killed run were alive after {GONE_S:.0f} s")
    # Of the last step before the kill nobody knows whether it was saved: PPO saves before it logs,
    # SFT afterwards.
    due = (case.kill_after - 1) // case.save_every * case.save_every
    if len(begun) != 2 or begun[0] != 0 or begun[-1] < due:
        why.append(f"attempts began at steps {begun}; 0 and then at least {due} were expected")
    attempts = effective_attempts(events)
    if list(attempts) != list(range(1, case.steps + 1)):
        why.append(f"steps {list(attempts)} are logged instead of 1 to {case.steps}")
    # SFT logs its last step once more, with the loss on the held-out rows.
    second = sorted({int(e["step"]) for e in of_steps(events, 2)})
    if begun and second != list(range(begun[-1] + 1, case.steps + 1)):
        why.append(f"the second attempt, from step {begun[-1]} on, did steps {second}")
    if begun and f"global_step_{begun[-1]}" not in log:
        why.append(f"verl's log does not name the checkpoint of step {begun[-1]}")
    if not any(e["kind"] == "stage_done" and e["stage"] == "export" for e in events):
        why.append("nothing was exported")
    return why


def exported(folder: Path) -> Export:
    """Reads the headers of an exported model as a loader would."""
    problems = [
        f"{folder / name} is missing"
        for name in ("config.json", "tokenizer.json")
        if not (folder / name).is_file()
    ]
    parameters, weights = 0, sorted(folder.glob("*.safetensors"))
    for path in weights:
        try:
            parameters += header_parameters(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    if not weights:
        problems.append(f"{folder} holds no weights")
    files = sum(path.is_file() for path in folder.iterdir()) if folder.is_dir() else 0
    return Export(files=files, parameters=parameters, problems=tuple(problems))


def header_parameters(path: Path) -> int:
    """Parameters of a safetensors file by its header.

    Raises:
        ValueError: the header is no JSON, or the file is not as long as it says.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError("is cut off within its header")
        header = json.loads(file.read(length))
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    end = 8 + length + max((entry["data_offsets"][1] for entry in tensors), default=0)
    if end != path.stat().st_size:
        raise ValueError(f"has {path.stat().st_size} bytes, its header says {end}")
    return sum(math.prod(entry["shape"]) for entry in tensors)


def start_up(outcome: RunOutcome, events: Sequence[Event]) -> float | None:
    """Seconds from the start of the continuing process to the beginning of its first step."""
    if outcome.seconds_to_first_step is not None:
        return outcome.seconds_to_first_step
    second, lasted = of_steps(events, 2), seconds_between(events)
    if not second or lasted is None:
        return None
    return float(second[0]["time"]) - outcome.started_at - lasted


def durations(run: Path, events: Sequence[Event]) -> dict[str, float | None]:
    """Median seconds of a step and of a save in both attempts, and how far the engine's
    probabilities were from the trainer's in the worst step. SFT logs none of them: its step is the
    mean time between two, saves included."""
    steps = [
        metrics
        for path in sorted(run.glob(f"logs/attempt_*/{METRICS_LOG}"))
        for metrics in steps_of_file(path).values()
    ]
    lasted = _median(steps, "timing_s/step")
    return {
        "s_per_step": rounded(seconds_between(events)) if lasted is None else lasted,
        "save_s": _median(steps, "timing_s/save_checkpoint"),
        "probability_difference_mean": max(
            (found[DIFFERENCE] for found in steps if DIFFERENCE in found), default=None
        ),
    }


def seconds_between(events: Sequence[Event]) -> float | None:
    """Mean time between two steps of the second attempt, by the event log."""
    second = of_steps(events, 2)
    if len(second) < 2:
        return None
    return float(second[-1]["time"] - second[0]["time"]) / (len(second) - 1)


def _median(steps: Sequence[Mapping[str, float]], name: str) -> float | None:
    found = [metrics[name] for metrics in steps if name in metrics]
    return rounded(statistics.median(found)) if found else None


def rounded(seconds: float | None) -> float | None:
    """Seconds to the millisecond."""
    return None if seconds is None else round(seconds, 3)
