"""This node's log file and the phase times of the bring-up; written by both roles."""

import json
import sys
import time
from datetime import datetime
from pathlib import Path

from .step import Step

TAIL_LINES = 20


class Journal:
    """`node-<rank>.log` for every node; `phases.jsonl` by task 0 alone, so no two nodes append."""

    def __init__(self, logs: Path, step: Step, started: float) -> None:
        self.path = logs / f"node-{step.rank}.log"
        self._phases = logs / "phases.jsonl"
        self._step = step
        self._started = started
        self.file = self.path.open("ab", buffering=0)
        self.phase("script_started")

    def say(self, text: str, aloud: bool = False) -> None:
        """Into the node's log; task 0, or `aloud`, also on standard error: into the job's log."""
        line = f"[{datetime.now():%H:%M:%S}] ray_cluster {self._step.node}: {text}\n"
        self.file.write(line.encode())
        if self._step.rank == 0 or aloud:
            sys.stderr.write(line)
            sys.stderr.flush()

    def phase(self, name: str, node: str | None = None) -> None:
        """Notes that a phase was reached; seconds_since_start counts from this script's start."""
        seconds = round(time.monotonic() - self._started, 3)
        self.say(f"{name} {node or ''}".rstrip() + f" after {seconds:.1f} s")
        if self._step.rank == 0:
            row = {
                "phase": name,
                "time": round(time.time(), 3),
                "node": node or self._step.node,
                "seconds_since_start": seconds,
            }
            with self._phases.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def tail(self) -> str:
        """The log's last lines."""
        lines = self.path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])
