"""How far a training has come, from the tail of its event log, which may be very long."""

import json
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]

TAIL_BYTES = 64 * 1024
STEP_MARK = b'"kind": "step"'
REWARD = "critic/score/mean"
STEP_SECONDS = "timing_s/step"
PACE_STEPS = 8
"""Steps whose pace tells the time left."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the last events say of the training."""

    step: int | None = None
    reward: float | None = None
    at: float | None = None
    """Seconds since 1970 of the last step."""
    step_s: float | None = None
    """Seconds a step takes."""


def tail(path: Path, size: int = TAIL_BYTES) -> list[bytes]:
    """The complete lines in the last bytes of a file."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    return lines[1:-1] if end > size else lines[:-1]


def progress(lines: list[bytes], pace_steps: int = PACE_STEPS) -> Progress:
    """The last step's number, reward and time, and the pace of the last few steps of its attempt.

    A line that cannot be read is passed over.

    Args:
        lines: the end of an event log.
        pace_steps: steps to tell the pace from; each costs a line to be read.
    """
    steps: list[Json] = []
    for line in reversed(lines):
        if STEP_MARK not in line:
            continue
        try:
            event = json.loads(line)
            if steps and event["attempt"] != steps[0]["attempt"]:
                break
            steps.append(_step(event))
        except (ValueError, KeyError, TypeError):
            continue
        if len(steps) > pace_steps:
            break
    if not steps:
        return Progress()
    last = steps[0]
    reward = _number(last["metrics"], REWARD)
    between = [later["time"] - earlier["time"] for later, earlier in pairwise(steps)]
    pace = statistics.median(between) if between else _number(last["metrics"], STEP_SECONDS)
    return Progress(last["step"], reward, last["time"], pace)


def _step(event: Json) -> Json:
    return {
        "attempt": event["attempt"],
        "step": int(event["step"]),
        "time": float(event["time"]),
        "metrics": dict(event["metrics"]),
    }


def _number(metrics: Json, name: str) -> float | None:
    value = metrics.get(name)
    return float(value) if isinstance(value, int | float) else None
