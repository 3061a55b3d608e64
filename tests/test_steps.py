"""Steps out of logs: each once, the attempt that led to the model, nothing lost at a kill."""

import json
from pathlib import Path
from typing import Any

from harness.scored import ScoredResponses
from harness.steps import effective_attempts, effective_steps, steps_of_file


def step(attempt: int, number: int, **metrics: float) -> dict[str, Any]:
    return {"kind": "step", "attempt": attempt, "step": number, "metrics": metrics}


def test_the_latest_attempt_counts_even_when_recovered_later() -> None:
    events = [step(1, 1, a=1), step(1, 2, a=1), step(2, 2, a=2), step(1, 3, a=1), {"kind": "x"}]
    assert effective_attempts(events) == {1: 1, 2: 2, 3: 1}
    assert effective_steps(events)[2] == {"a": 2}


def test_two_lines_of_one_step_are_merged() -> None:
    assert effective_steps([step(1, 1, loss=2), step(1, 1, val=3)]) == {1: {"loss": 2, "val": 3}}


def test_metrics_file_cut_by_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    lines = [{"step": 0, "data": {"val": 1.0}}, {"step": 1, "data": {"a": 1.0, "text": "x"}}]
    file.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"step": 2, "da')
    assert steps_of_file(file) == {1: {"a": 1.0}}
    assert steps_of_file(tmp_path / "none") == {}


def test_scored_responses_count_training_only(tmp_path: Path) -> None:
    log = tmp_path / "rewards.jsonl"
    rows = [("train", 1, True), ("train", 1, False), ("test", 1, True), ("train", 2, True)]
    scored = ScoredResponses(log)
    assert scored.accuracy(1) is None
    log.write_text(
        "".join(json.dumps({"split": s, "step": n, "correct": c}) + "\n" for s, n, c in rows)
    )
    assert scored.scored(1) == 2 and scored.accuracy(1) == 0.5 and scored.scored(3) == 0
