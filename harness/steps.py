"""Training steps out of event logs and verl's metric files: each step once, however many attempts
it took; the training stage, the report and the tests read them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Metrics = dict[str, float]


def effective_attempts(events: Iterable[dict[str, Any]]) -> dict[int, int]:
    """Step -> the attempt that counts, in the order of steps.

    A step that an attempt did after its last checkpoint is done again by the next attempt, from
    the same state, and that one leads to the final model.
    """
    latest: dict[int, int] = {}
    for event in events:
        if event["kind"] == "step":
            latest[event["step"]] = max(event["attempt"], latest.get(event["step"], 0))
    return dict(sorted(latest.items()))


def effective_steps(events: Iterable[dict[str, Any]]) -> dict[int, Metrics]:
    """Step -> metrics of the attempt that counts; several events of one step are merged."""
    events = list(events)
    attempts = effective_attempts(events)
    steps: dict[int, Metrics] = {step: {} for step in attempts}
    for event in events:
        if event["kind"] == "step" and event["attempt"] == attempts[event["step"]]:
            steps[event["step"]].update(event["metrics"])
    return steps


def steps_of_file(path: Path) -> dict[int, Metrics]:
    """Steps of one metrics file of verl's `file` logger; a line cut short by a kill is dropped.

    verl logs a step's metrics in one line, and validation alone (step 0) in another.
    """
    steps: dict[int, Metrics] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        numbers = {k: v for k, v in entry["data"].items() if isinstance(v, int | float)}
        steps.setdefault(entry["step"], {}).update(numbers)
    return {step: metrics for step, metrics in steps.items() if step > 0}
