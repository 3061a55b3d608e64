"""The process that grades for pool.py: reads batches from a pipe, answers item by item.

Each item has a budget of CPU time, kept by the kernel: when it is spent, SIGPROF's default action
ends the process, whatever the interpreter is doing. CPU time and not wall time, so that verdicts
do not depend on how busy the machine is.
"""

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from evals.grading import Grader, Verdict, lookup
from harness.errors import RepriseError

HEADER = struct.Struct("!I")
MEMORY_BYTES = 4 * 2**30
CPU_LIMIT_S = {"reprise": 1.0}
DEFAULT_CPU_LIMIT_S = 3.0
"""For graders that load a symbolic engine and are known to take seconds."""
WARM_UP = ({"answer": "x+1"}, r"\boxed{1+x}")
"""Graded before the first item, so that imports are not charged to it."""


def read_frame(stream: IO[bytes]) -> Any:
    """The next message; None when the other side has closed the pipe."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size = HEADER.unpack(header)[0]
    body = stream.read(size)
    return json.loads(body) if len(body) == size else None


def split_frame(received: bytearray) -> tuple[Any] | None:
    """Takes the first complete message out of received bytes; None while there is none."""
    if len(received) < HEADER.size:
        return None
    end = HEADER.size + HEADER.unpack_from(received)[0]
    if len(received) < end:
        return None
    message = json.loads(received[HEADER.size : end])
    del received[:end]
    return (message,)


def write_frame(stream: IO[bytes], message: Any) -> None:
    """Sends one message of JSON values."""
    body = json.dumps(message).encode()
    rest = memoryview(HEADER.pack(len(body)) + body)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.flush()


def cpu_limit_s(grader: str) -> float:
    """The CPU time of one item."""
    return CPU_LIMIT_S.get(grader, DEFAULT_CPU_LIMIT_S)


def verdict_of(grader: Grader, truth: Mapping[str, Any], response: str) -> Verdict:
    """The verdict, with a failure of the grader as a doubt.

    Raises:
        RepriseError: the item cannot be graded at all; the user has to act.
    """
    try:
        return grader(truth, response)
    except RepriseError:
        raise
    except (MemoryError, RecursionError) as error:
        how, doubt = type(error).__name__, "limit reached"
    except Exception as error:
        how, doubt = f"error {type(error).__name__}", "parser error"
    return Verdict(correct=False, extracted=None, how=how, doubt=doubt)


def _message(grader: Grader, item: tuple[Mapping[str, Any], str], limit_s: float) -> Any:
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        verdict = verdict_of(grader, *item)
        return [verdict.correct, verdict.extracted, verdict.how, verdict.doubt]
    except RepriseError as error:
        return {"error": str(error)}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _warmed(name: str) -> Grader:
    grader = lookup(name)
    with suppress(Exception):
        grader(*WARM_UP)
    return grader


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Grades until the parent closes the pipe."""
    graders: dict[str, Grader] = {}
    while (request := read_frame(requests)) is not None:
        name = request["grader"]
        try:
            if name not in graders:
                graders[name] = _warmed(name)
        except Exception as error:
            write_frame(replies, {"error": f"grader {name} cannot be loaded: {error!r}"})
            continue
        for item in request["items"]:
            write_frame(replies, _message(graders[name], item, cpu_limit_s(name)))


def main() -> None:
    """Serves on the standard streams; what graders print goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    with suppress(BrokenPipeError):
        serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
