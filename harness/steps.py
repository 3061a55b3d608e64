"""Training steps out of event logs and verl's metric files: each step once, however many attempts
it took; the training stage, the report and the tests read them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Metrics = dict[str, float]


def effective_steps(events: Iterable[dict[str, Any]]) -> dict[int, Metrics]:
    """Step -> metrics; of a step done by several attempts the latest attempt counts.

    A step that an attempt did after its last checkpoint is done again by the next attempt, from
    the same state, and that one leads to the final model.
    """
    latest: dict[int, tuple[int, Metrics]] = {}
    for event in events:
        if event["kind"] != "step":
            continue
        step, attempt = event["step"], event["attempt"]
        if step not in latest or attempt >= latest[step][0]:
            latest[step] = (attempt, event["metrics"])
    return {step: latest[step][1] for step in sorted(latest)}


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
