"""Worker processes kept between calls, usable from any thread and after a fork.

Verdicts do not depend on how many workers there are: each item is graded alone, under a budget
of CPU time (worker.py). A worker that dies costs the item it was at, and nothing else.
"""

import atexit
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from evals.grading import Item, Verdict, reprise
from evals.grading.worker import cpu_limit_s, split_frame, write_frame
from harness.errors import EvaluationError

CHUNK = 32
"""Items that are sent at once: enough to keep the pipe's cost small, few enough to share out."""
WALL_FACTOR = 30
"""A worker that answers nothing for this many times its CPU budget is stuck and is ended."""
LOAD_LIMIT_S = 180.0
"""Wall time for the first answer of a worker, while it imports its grader."""
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "evals.grading.worker"]
LIMIT_REACHED = Verdict(correct=False, extracted=None, how="limit", doubt="limit reached")


class Died(Exception):
    """The worker ended before it answered; `blame` says whether the item's budget was spent."""

    def __init__(self, blame: bool) -> None:
        self.blame = blame


class Worker:
    """One process; used by one thread at a time."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
        self.process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # select must see what has arrived
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # a Ctrl-C in the terminal is the parent's
        )
        self.loaded: set[str] = set()
        self.received = bytearray()

    def send(self, grader: str, items: Sequence[Item]) -> None:
        """Gives the worker a batch."""
        assert self.process.stdin is not None
        pairs = [[dict(item.truth), item.response] for item in items]
        try:
            write_frame(self.process.stdin, {"grader": grader, "items": pairs})
        except OSError as error:
            raise Died(False) from error

    def receive(self, grader: str) -> Verdict:
        """The next verdict.

        Raises:
            Died: there will be none.
            EvaluationError: the item cannot be graded at all.
        """
        assert self.process.stdout is not None
        wait_s = cpu_limit_s(grader) * WALL_FACTOR
        wait_s += 0 if grader in self.loaded else LOAD_LIMIT_S
        message = self._message(time.monotonic() + wait_s)
        if message is None:
            stuck = self.process.poll() is None and not self._ends_itself()
            self.end()
            raise Died(stuck or self.process.returncode == -signal.SIGPROF)
        if isinstance(message, dict):
            self.end()
            raise EvaluationError(message["error"])
        self.loaded.add(grader)
        correct, extracted, how, doubt = message
        return Verdict(correct=correct, extracted=extracted, how=how, doubt=doubt)

    def _message(self, deadline: float) -> Any:
        """The next message; None when the worker has gone or the deadline has passed."""
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        while (found := split_frame(self.received)) is None:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(pipe, 65536) if ready else b""
            if not piece:
                return None
            self.received += piece
        return found[0]

    def end(self) -> None:
        """Ends the process and forgets it."""
        if self.process.poll() is None and not self._ends_itself():
            self.process.kill()
            self.process.wait()
        self.close()

    def _ends_itself(self) -> bool:
        """Whether the process is ending by its own, so that its exit code says why."""
        try:
            self.process.wait(0.05)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Closes this side of the pipes; the worker leaves when all copies are closed."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):  # the other side may be gone already
                    stream.close()


class Pool:
    """The workers of one process."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.idle: list[Worker] = []
        self.busy = 0

    def take(self, at_most: int) -> Worker:
        """An idle worker, or one more while fewer than `at_most` are busy; else waits."""
        with self.changed:
            self.changed.wait_for(lambda: self.idle or self.busy < at_most)
            self.busy += 1
            if self.idle:
                return self.idle.pop()
        try:
            return Worker()
        except BaseException:
            self.put(None)
            raise

    def put(self, worker: Worker | None) -> None:
        """Hands a worker back; None for one that ended."""
        with self.changed:
            self.busy -= 1
            if worker is not None:
                self.idle.append(worker)
            self.changed.notify()

    def close(self) -> None:
        """Ends the idle workers; busy ones end when their pipe closes."""
        with self.changed:
            workers, self.idle = self.idle, []
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.end()


_pool = Pool()


def _after_fork() -> None:
    """A forked child starts its own workers; its copies of our pipes must not keep ours alive."""
    global _pool
    inherited, _pool = _pool, Pool()
    for worker in inherited.idle:
        worker.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _pool.close())


class _Batch:
    """Items shared out to threads in chunks, and the verdicts in the items' order."""

    def __init__(self, items: Sequence[Item], grader: str) -> None:
        self.items, self.grader = items, grader
        self.verdicts: list[Verdict | None] = [None] * len(items)
        self.rest: list[int] = []
        self.lock = threading.Lock()
        self.failure: BaseException | None = None

    def next_chunk(self, size: int) -> list[int]:
        with self.lock:
            chunk, self.rest = self.rest[:size], self.rest[size:]
            return [] if self.failure else chunk

    def run(self, workers: int, size: int) -> None:
        """Grades chunks until none is left: the body of each thread."""
        try:
            while chunk := self.next_chunk(size):
                worker = _pool.take(workers)
                kept: Worker | None = None
                try:
                    kept = self._grade(worker, chunk)
                finally:
                    if kept is None:
                        worker.end()
                    _pool.put(kept)
        except BaseException as error:
            self.failure = error

    def _grade(self, worker: Worker, chunk: list[int]) -> Worker:
        """Grades a chunk; replaces the worker when an item ends it."""
        retried = False
        while chunk:
            done = 0
            try:
                worker.send(self.grader, [self.items[index] for index in chunk])
                for index in chunk:
                    self.verdicts[index] = worker.receive(self.grader)
                    done += 1
                    retried = False
                return worker
            except Died as death:
                worker.end()
                worker = Worker()
                if death.blame or retried:
                    self.verdicts[chunk[done]] = LIMIT_REACHED
                    done += 1
                retried = not (death.blame or retried)
            chunk = chunk[done:]
        return worker


def grade_all(items: Sequence[Item], grader: str, workers: int | None) -> list[Verdict]:
    """The verdicts on all items, in order; evals.grading.grade_all says the rest."""
    batch = _Batch(items, grader)
    for index, item in enumerate(items):
        verdict = reprise.quick(item.truth, item.response) if grader == "reprise" else None
        batch.verdicts[index] = verdict
        if verdict is None:
            batch.rest.append(index)
    cores = len(os.sched_getaffinity(0))
    threads = min(workers or cores, len(batch.rest))
    size = max(1, min(CHUNK, len(batch.rest) // max(1, threads)))
    if threads <= 1:
        batch.run(max(cores, 1), size)
    else:
        at_most = max(cores, threads)
        crew = [threading.Thread(target=batch.run, args=(at_most, size)) for _ in range(threads)]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()
    if batch.failure is not None:
        raise batch.failure
    return [verdict for verdict in batch.verdicts if verdict is not None]
