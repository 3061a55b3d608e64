"""Steps out of logs: each once, the attempt that led to the model, nothing lost at a kill."""

import json
from pathlib import Path
from typing import Any

from harness.console import Console
from harness.rundir import RunDir
from harness.scored import CONSTANT_STEPS, ScoredResponses, Spread, constant_components
from harness.steps import effective_attempts, effective_steps, steps_of_file
from harness.training import _warn_of_constants


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


def write_scores(log: Path, rows: list[tuple[str, int, bool, float]]) -> None:
    with log.open("a") as file:
        for split, number, correct, brief in rows:
            components = {"right": float(correct), "brief": brief}
            line = {"split": split, "step": number, "correct": correct, "components": components}
            file.write(json.dumps({**line, "score": correct + brief}) + "\n")


def test_scored_responses_count_training_only(tmp_path: Path) -> None:
    log = tmp_path / "node-1.jsonl"
    scored = ScoredResponses(tmp_path)
    assert scored.accuracy(1) is None and scored.components(1) == {}
    rows = [("train", 1, True, 0.5), ("train", 1, False, 0.5), ("test", 1, True, 9.0)]
    write_scores(log, [*rows, ("train", 2, True, 0.0)])
    assert scored.scored(1) == 2 and scored.accuracy(1) == 0.5 and scored.scored(3) == 0
    assert scored.components(1) == {"right": 0.5, "brief": 0.5}
    assert scored.components(2) == {"right": 1.0, "brief": 0.0}


def test_workers_of_several_nodes_are_counted_together(tmp_path: Path) -> None:
    scored = ScoredResponses(tmp_path)
    write_scores(tmp_path / "a-1.jsonl", [("train", 1, True, 1.0)])
    assert scored.scored(1) == 1
    write_scores(tmp_path / "b-1.jsonl", [("train", 1, False, 0.0), ("train", 2, True, 1.0)])
    write_scores(tmp_path / "a-1.jsonl", [("train", 1, True, 1.0)])
    assert scored.scored(1) == 3 and scored.accuracy(1) == 2 / 3 and scored.scored(2) == 1
    assert scored.components(1)["brief"] == 2 / 3


def test_a_component_that_never_changes_is_found(tmp_path: Path) -> None:
    log = tmp_path / "node-1.jsonl"
    scored = ScoredResponses(tmp_path)
    for number in range(1, 5):
        write_scores(log, [("train", number, True, 0.25), ("train", number, number != 2, 0.25)])
        expected = {"brief": 0.25} if number >= 3 else {}
        assert scored.constant(number, last=3) == expected
    assert scored.constant(4, last=2) == {"brief": 0.25, "right": 1.0, "the reward": 1.25}
    write_scores(log, [("train", 5, True, 0.25), ("train", 5, True, 0.5)])
    assert scored.constant(5, last=3) == {"right": 1.0}


def test_another_value_in_another_step_is_a_change() -> None:
    first, second = Spread(), Spread()
    first.add(0.0)
    second.add(1.0)
    assert constant_components([{"a": first}, {"a": first}]) == {"a": 0.0}
    assert constant_components([{"a": first}, {"a": second}]) == {}
    assert constant_components([{"a": first}, {}]) == {} and constant_components([]) == {}


class Heard(Console):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_a_reward_that_cannot_teach_is_said_once(tmp_path: Path) -> None:
    log, run, console, warned = (
        tmp_path / "node-1.jsonl",
        RunDir(tmp_path / "r"),
        Heard(),
        set[str](),
    )
    run.path.mkdir()
    scored = ScoredResponses(tmp_path)
    for number in range(1, CONSTANT_STEPS + 3):
        write_scores(log, [("train", number, True, 0.25), ("train", number, False, 0.25)])
        _warn_of_constants(run, console, scored, number, warned)
    (event,) = run.events()
    assert event["kind"] == "warning" and event["component"] == "brief"
    assert event["step"] == CONSTANT_STEPS
    (line,) = console.lines
    assert "brief was 0.25" in line and str(CONSTANT_STEPS) in line
