"""A run in one go beside the same run killed and resumed, through the real stack; the slow tests of
what a checkpoint must hold compare the two."""

import json
from pathlib import Path
from typing import Any

from harness.rundir import read_events
from tests.test_end_to_end import check_complete, finish, kill_at_step, only_run


def whole_and_killed(tmp_path: Path, steps: int, *arguments: str) -> tuple[Path, Path]:
    """Both run directories; the second run was killed after step 2 and went on from there."""
    code, output = finish(tmp_path / "whole", *arguments)
    assert code == 0, output
    whole = only_run(tmp_path / "whole")
    killed = kill_at_step(tmp_path / "killed", 2, *arguments)
    code, output = finish(tmp_path / "killed", *arguments)
    assert code == 0, output
    starts = [
        e["start"] for e in read_events(killed / "events.jsonl") if e["kind"] == "train_started"
    ]
    assert starts == [0, 2]
    for run in (whole, killed):
        check_complete(run, steps)
    return whole, killed


def kept(run: Path, step: int) -> dict[str, Any]:
    """What rewards and controllers left in the checkpoint of a step."""
    file = run / "checkpoints" / f"global_step_{step}" / "trainer_state.json"
    content: dict[str, Any] = json.loads(file.read_text())
    return content
