"""Starts children that cannot outlive this process, and ends every descendant of it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Makes orphans below this process its children, so that kill_descendants finds them."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def spawn(
    command: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Starts a child in a process group of its own that the kernel kills when this process dies.

    `output` takes its standard output and error; None leaves them as they are here.
    """
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        process_group=0,
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def kill_descendants(limit_s: float = 15.0) -> list[int]:
    """SIGKILLs all that descends from this process; returns the ids that are left after limit_s."""
    end = time.monotonic() + limit_s
    while left := descendants(os.getpid(), parents()):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if time.monotonic() > end:
            break
    return left


def descendants(root: int, parent_of: Mapping[int, int]) -> list[int]:
    """The process ids below `root`, given each process's parent."""
    found, level = [], [root]
    while level:
        level = [pid for pid, parent in parent_of.items() if parent in level]
        found += level
    return found


def parents() -> dict[int, int]:
    """Process id -> parent's id, for every process of this machine."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # `pid (name) state parent ...`, and a name may hold blanks and parentheses
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    return found
