"""SIGTERM treated as Ctrl-C, so that whoever stops a run leaves a true status behind; the pipeline,
evaluations and training start under it."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_heard: list[int] = []


def _interrupt(number: int, _: object) -> None:
    """The first SIGTERM interrupts; what follows must not interrupt the tidying up."""
    if not _heard:
        _heard.append(number)
        raise KeyboardInterrupt


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM (a scheduler, a service manager) stop the run as Ctrl-C does, once."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is _interrupt:
        yield  # Python delivers signals to the main thread only; or the caller listens already
        return
    _heard.clear()
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
