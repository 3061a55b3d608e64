"""`python -m harness.verl.guard <parent> <command...>`: ends all that a training command started.

process.py runs every training command under it. Ray puts its daemons into sessions of their own,
where no signal to the command reaches them, so the guard adopts every orphan below it
(PR_SET_CHILD_SUBREAPER) and ends its descendants when the command ends, when it is told to
terminate, or when its parent is gone. It never signals a process that is not its descendant.
It also gives each command a Ray of its own: a folder, which it removes, and a password, which
exists in these processes only.
"""

import ctypes
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.2
GRACE_S = 5.0
"""Between asking processes to end and killing them."""
RAY_PARENT = "/tmp"
"""Ray's sockets lie below it; a socket's path has at most 107 characters, so TMPDIR may not do."""


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _children() -> dict[int, list[int]]:
    """Parent -> children for every process that can be read."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    return children


def descendants(pid: int) -> list[int]:
    """Living processes below one, nearest first."""
    children, found = _children(), [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found[1:]


def _reap() -> None:
    """Take the exit codes of adopted orphans, so that they do not stay as zombies."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def _signal_all(number: int) -> bool:
    """Signal every descendant; whether there was one."""
    found = descendants(os.getpid())
    for pid in found:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return bool(found)


def end_descendants(grace_s: float) -> None:
    """Ask every descendant to end, kill those that do not, and wait until none is left."""
    deadline = time.monotonic() + grace_s
    _signal_all(signal.SIGTERM)
    while time.monotonic() < deadline and descendants(os.getpid()):
        _reap()
        time.sleep(POLL_S / 4)
    while _signal_all(signal.SIGKILL):
        _reap()
        time.sleep(POLL_S / 4)


def _wait(command: subprocess.Popen[bytes], should_stop: Callable[[], bool]) -> int | None:
    """The command's exit code; None when it is to be stopped."""
    while not should_stop():
        code = command.poll()
        if code is not None:
            return code
        time.sleep(POLL_S)
    return None


def _own_ray(folder: str) -> dict[str, str]:
    if "RAY_ADDRESS" in os.environ:
        return {}  # the run joins a cluster that a launcher has started
    # Without a token any user of the machine could run code through Ray's ports.
    return {
        "RAY_TMPDIR": folder,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }


def main(arguments: list[str]) -> int:
    """Run the command; its exit code, or 143 when it was stopped."""
    parent, command_line = int(arguments[0]), arguments[1:]
    stopped: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        stopped.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    with tempfile.TemporaryDirectory(
        prefix="reprise-", dir=RAY_PARENT, ignore_cleanup_errors=True
    ) as ray_folder:
        command = subprocess.Popen(command_line, env={**os.environ, **_own_ray(ray_folder)})
        # The parent may have ended before the request for its death signal took effect.
        code = _wait(command, lambda: bool(stopped) or os.getppid() != parent)
        end_descendants(GRACE_S)
    if code is None:
        return 128 + signal.SIGTERM
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
