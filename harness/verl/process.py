"""Runs one training command as a child process; called by the pipeline, imports no verl.

The child runs under harness.verl.guard, which ends everything the command started, whatever ends
first: the command, or this process.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.errors import TrainingError
from harness.interrupts import sigterm_as_interrupt
from harness.verl.traceback_text import last_traceback

OUT_OF_MEMORY = re.compile(r"OutOfMemory|out of memory|MemoryError|oom_kill")
"""What torch, Ray, Python and the kernel write when memory ends."""
TAIL_CHARACTERS = 4000
KILLED = re.compile(r"^ *traceback : Signal (\d+) \(SIG", re.MULTILINE)
"""torchrun's last words (torch.distributed.elastic)."""
POLL_S = 0.2
STOP_S = 60.0
"""How long the guard may take, which kills after its GRACE_S and waits until all are gone. Only a
process that the kernel cannot end makes it longer; without a guard the rest would stay."""

Metrics = dict[str, float]


class Tail:
    """Complete lines appended to a file since the last look."""

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        self.path = path
        self.offset = path.stat().st_size if from_end and path.exists() else 0
        self.partial = b""

    def lines(self) -> Iterator[str]:
        """Yield what is complete; a line still being written waits for the next look."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                new = file.read()
        except FileNotFoundError:
            return
        self.offset += len(new)
        *complete, self.partial = (self.partial + new).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")


def run_training(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log_path: Path,
    metrics_path: Path,
    on_metrics: Callable[[int, Metrics], None],
    on_log_line: Callable[[str], None] | None = None,
) -> None:
    """Run the command to its end; every process it started is gone when this returns.

    verl's file logger overwrites metrics_path when it starts: give each attempt its own.
    """
    metrics_path.unlink(missing_ok=True)
    metrics = Tail(metrics_path)
    log = Tail(log_path, from_end=True)
    start = log.offset

    def look() -> None:
        for line in metrics.lines():
            step, values = parse_metrics(line)
            on_metrics(step, values)
        if on_log_line:
            for line in log.lines():
                on_log_line(line)

    with log_path.open("ab") as log_file, sigterm_as_interrupt():
        child = subprocess.Popen(
            [sys.executable, "-m", "harness.verl.guard", str(os.getpid()), *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while child.poll() is None:
                look()
                time.sleep(POLL_S)
        finally:
            _stop(child)
        look()
    if child.returncode:
        with log_path.open("rb") as file:
            file.seek(start)
            text = file.read().decode(errors="replace")
        code = child.returncode
        raise TrainingError(_failure(code, text, log_path), cause=failure_cause(code, text))


def parse_metrics(line: str) -> tuple[int, Metrics]:
    """One line of verl's file logger: the step and its numbers."""
    entry = json.loads(line)
    return int(entry["step"]), {
        name: float(value)
        for name, value in entry["data"].items()
        if isinstance(value, int | float)
    }


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End the guard, which ends the rest; a no-op for a child that has ended."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def failure_cause(code: int, text: str) -> str:
    """out_of_memory, signal or error, from an exit code and the log."""
    if OUT_OF_MEMORY.search(last_traceback(text) or text[-TAIL_CHARACTERS:]):
        return "out_of_memory"
    return "signal" if code > 128 or _signal(code, text) else "error"


def _signal(code: int, text: str) -> int | None:
    """What killed the command, or a training process that torchrun started and speaks of."""
    if code < 0:
        return -code
    killed = KILLED.findall(text[-TAIL_CHARACTERS:])
    return int(killed[-1]) if killed else None


def _failure(code: int, text: str, log_path: Path) -> str:
    killed = _signal(code, text)
    ended = f"signal {killed}" if killed else f"exit code {code}"
    cause = last_traceback(text) or "\n".join(text.splitlines()[-20:])
    return (
        f"Training ended with {ended}.\n{cause}\n"
        f"Whole log: {log_path}\n"
        "Remove the cause and give the same command again: it resumes at the last checkpoint."
    )
