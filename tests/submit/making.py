"""Run folders as submissions leave them, and SLURM's tools as stubs in PATH; for the tests."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

NOW = time.time()


def stamp(seconds: float) -> str:
    """A time as status.json has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))


def make_run(folder: Path, status: Any = None, jobs: Any = None, **files: Any) -> Path:
    """A run folder.

    Args:
        folder: made with its parents.
        status: fields of status.json on top of usual ones; null leaves the file out.
        jobs: names such as 12_3 (or pairs of name and part) of submit.json; null leaves it out.
        files: further JSON files by their stem.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "run.json", {"identity": "0" * 16, "name": folder.name, "spec": {}})
    if status is not None:
        at = NOW - 100 if status.get("state") == "queued" else NOW  # queued: as submit.json
        usual = {"attempt": 1, "pid": 0, "host": "elsewhere", "updated_at": stamp(at)}
        write(folder / "status.json", usual | status)
    if jobs is not None:
        pairs = [(job, "all") if isinstance(job, str) else job for job in jobs]
        entries = [
            {"job_id": name.split("_")[0], "index": int(name.split("_")[1]), "part": part}
            for name, part in pairs
        ]
        submission = str(folder.parent / "submissions" / "1")
        at = files.pop("submitted_at", NOW - 100)
        submit = {"submission": submission, "submitted_at": stamp(at), "jobs": entries}
        write(folder / "submit.json", submit)
    for stem, content in files.items():
        write(folder / f"{stem}.json", content)
    return folder


def write(path: Path, content: Any) -> None:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def steps(folder: Path, last: int, pace_s: float = 60.0, reward: float = 0.5) -> None:
    """An event log with `last` steps, the last one now."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {"time": NOW - pace_s * (last - step), "attempt": 1, "kind": "step", "step": step,
         "metrics": {"critic/score/mean": reward}}
        for step in range(1, last + 1)
    ]  # fmt: skip
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def squeue_line(job: str, state: str, **fields: Any) -> str:
    """A line as `squeue -O` prints it for scheduler.py."""
    array, _, task = job.partition("_")
    usual = {"restarts": 0, "code": 0, "start": "N/A", "node": "", "reason": "None"} | fields
    parts = [array, task or "N/A", state, usual["restarts"], usual["code"], usual["start"]]
    return "|".join(str(part) for part in [*parts, usual["node"], usual["reason"], ""])


class Tools:
    """SLURM's tools as shell scripts that note their arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, name: str, output: str = "", *, errors: str = "", code: int = 0) -> None:
        """A tool with fixed answers."""
        (self.folder / f"{name}.out").write_text(output)
        (self.folder / f"{name}.err").write_text(errors)
        self.script(name, f'cat "$0.out"; cat "$0.err" >&2; exit {code}')

    def script(self, name: str, body: str) -> None:
        """A tool with a body of its own."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "$@" >>"$0.calls"\n{body}\n')
        path.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        """The arguments of each call."""
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Stubs before anything else in PATH: SLURM knows no job and has no accounting."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    tools = Tools(folder)
    unknown = "slurm_load_jobs error: Invalid job id specified\n"
    tools.make("squeue", errors=unknown, code=1)
    tools.make("scontrol", errors=unknown, code=1)
    tools.make("sacct", errors="Slurm accounting storage is disabled\n", code=1)
    tools.make("scancel")
    return tools
