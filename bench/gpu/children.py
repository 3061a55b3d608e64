"""One child process with its log, watched step by step, and nothing of it left afterwards; runs.py
starts run.py and the bare command through it."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.errors import RepriseError
from harness.paths import ROOT
from harness.verl.guard import PR_SET_PDEATHSIG
from harness.verl.process import Tail, parse_metrics
from harness.verl.traceback_text import last_traceback

POLL_S = 0.2
STOP_S = 90.0
"""How long run.py may take to stop what it started before it is killed."""
TAIL_LINES = 30


class Child:
    """A command in the project's folder; its output goes to `log`, its steps to our own output."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], log: Path, *, label: str
    ) -> None:
        """Start it.

        Args:
            words: the command.
            environment: all of it.
            log: a file to append to.
            label: what progress lines call it.
        """
        self.log, self.label = log, label
        self.started_at = time.time()
        self.seconds = 0.0
        self.step_ends: dict[int, float] = {}
        self.stopped = False
        self._file = log.open("ab")
        print(f"{label}: started; log: {log}", flush=True)
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=self._file, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=_end_with_parent,
        )  # fmt: skip

    def watch(self, metrics: Callable[[], Path | None], enough: Callable[[], bool]) -> None:
        """Wait for its end, printing each step.

        Args:
            metrics: where verl's step metrics are, once they are somewhere.
            enough: whether the rest may be left out; asked at every look.

        Raises:
            RepriseError: it ended with an error.
        """
        tail: Tail | None = None
        try:
            while (code := self._process.poll()) is None:
                tail = self._look(tail, metrics)
                if enough():
                    self.stopped = True
                    break
                time.sleep(POLL_S)
            self._look(tail, metrics)
        finally:
            self._stop()
            self._file.close()
            self.seconds = time.time() - self.started_at
        if code:
            raise RepriseError(f"{self.label} ended with exit code {code}:\n{log_end(self.log)}")
        print(f"{self.label}: done in {self.seconds:.0f} s", flush=True)

    def _look(self, tail: Tail | None, metrics: Callable[[], Path | None]) -> Tail | None:
        if tail is None:
            path = metrics()
            tail = Tail(path) if path and path.exists() else None
        for line in tail.lines() if tail else ():
            step, numbers = parse_metrics(line)
            if step > 0:
                self.step_ends[step] = time.time()
                lasted = numbers.get("timing_s/step")
                text = "" if lasted is None else f", {lasted:.2f} s"
                print(f"{self.label}: step {step}{text}", flush=True)
        return tail

    def _stop(self) -> None:
        """Ends what still runs: by Ctrl-C, which run.py passes on, then for good."""
        for number in (signal.SIGINT, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            os.killpg(self._process.pid, number)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue


def _end_with_parent() -> None:
    """In the child: a measurement that is killed must not leave its run on the GPU."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def log_end(log: Path) -> str:
    """The last traceback of a log, or its last lines."""
    text = log.read_text(errors="replace") if log.exists() else ""
    last = "\n".join(text.splitlines()[-TAIL_LINES:])
    trace = last_traceback(text)
    return "\n".join(filter(None, [trace, "" if trace and trace in last else last, f"log: {log}"]))


def processes_of(folder: Path) -> list[int]:
    """Living processes whose environment names a folder, as that of all verl's processes does."""
    found, name = [], str(folder).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                known = (entry / "environ").read_bytes()
            except OSError:
                continue
            if name in known:
                found.append(int(entry.name))
    return found


def end_processes(folder: Path) -> None:
    """Kills what a run left behind (Ray's daemons, an engine), which would hold GPU memory."""
    deadline = time.monotonic() + STOP_S
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(POLL_S)
