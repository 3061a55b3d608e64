"""When a run that SLURM starts again gives up."""

import json
from pathlib import Path

import pytest

from harness.checkpoints import TRACKER
from harness.submit.attempts import (
    STARTS,
    Start,
    progress,
    record_start,
    refusal,
    start_now,
    starts,
)


def start(progress: str, job: str = "12_0") -> Start:
    return Start(job=job, restart=0, time=0.0, progress=progress)


@pytest.mark.parametrize(
    ("before", "now", "cause"),
    [
        ([], "0", None),
        (["0"], "0", None),
        (["0", "0"], "0", "no_progress"),
        (["0", "0"], "4", None),
        (["0", "4"], "4", None),
        (["0", "4", "4"], "4", "no_progress"),
        (["4", "4", "0"], "4", None),
        (["0", "4", "8", "12"], "16", None),
        (["0", "4", "8", "12", "16"], "20", "too_many_attempts"),
        (["0", "0", "0", "0", "0"], "0", "too_many_attempts"),
    ],
)
def test_bounded_attempts_and_none_without_progress(
    before: list[str], now: str, cause: str | None
) -> None:
    found = refusal([start(text) for text in before], start(now), max_attempts=5)
    assert (found and found[0]) == cause
    if found:
        assert "again=true" in found[1]
        assert ("max_attempts=5" if cause == "too_many_attempts" else f"({now})") in found[1]


def saved(folder: Path, step: int) -> None:
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints" / TRACKER).write_text(str(step))


def test_progress_grows_with_steps_exports_and_responses(tmp_path: Path) -> None:
    seen = [progress(tmp_path)]
    saved(tmp_path, 4)
    seen.append(progress(tmp_path))
    saved(tmp_path / "stages" / "long", 8)
    seen.append(progress(tmp_path))
    for folder in (tmp_path, tmp_path / "stages" / "long"):
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text("{}")
        seen.append(progress(tmp_path))
    log = tmp_path / "evaluation" / "quick" / "aime" / "samples-base.jsonl"
    log.parent.mkdir(parents=True)
    for _ in range(2):
        with log.open("a") as file:
            file.write("{}\n")
        seen.append(progress(tmp_path))
    assert len(set(seen)) == len(seen) == 7
    assert seen[2].startswith("steps saved: train 4, long 8;")
    (tmp_path / "events.jsonl").write_text("{}")
    assert progress(tmp_path) == seen[-1]


def test_a_damaged_tracker_does_not_keep_the_attempt_from_saying_so(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / TRACKER).write_text("?")
    assert "train -1" in progress(tmp_path)


def test_starts_are_of_one_job_and_survive_a_cut_line(tmp_path: Path) -> None:
    assert starts(tmp_path, "12_0") == []
    mine, other = start_now(tmp_path, "12_0", 0), start("0", job="13_0")
    for each in (mine, other, start_now(tmp_path, "12_0", 1)):
        record_start(tmp_path, each)
    with (tmp_path / STARTS).open("a") as file:
        file.write(json.dumps({"job": "12_0"}) + "\n")
        file.write('{"job": "12_0", "rest')
    found = starts(tmp_path, "12_0")
    assert [each.restart for each in found] == [0, 1] and found[0] == mine
    assert starts(tmp_path, "13_0") == [other]
    record_start(tmp_path, start("4"))
    assert starts(tmp_path, "12_0")[-1].progress == "4"
