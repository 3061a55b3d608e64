"""The signals this process gets, remembered for the loops of both roles."""

import signal
import subprocess
import time
from types import FrameType


class Stop:
    """`signal` is the first SIGTERM or SIGINT, `at` its monotonic time; None before.

    SIGUSR1 and SIGUSR2 are advance notices (sbatch --signal): they go on to the driver, and end
    nothing here.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.at: float | None = None
        self.driver: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, self._pass_on)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self.at = number, time.monotonic()

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if self.driver is not None:
            self.driver.send_signal(number)
