"""SIGTERM treated as Ctrl-C, so that whoever stops a run leaves a true status behind, and both held
back from what must not be cut in two; runs, evaluations and submissions start under them."""

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


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a lost terminal do their work only when the block is over."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread only
        return
    heard: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, lambda number, _: heard.append(number)) for n in numbers}
    try:
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
    if heard:
        signal.raise_signal(heard[0])
