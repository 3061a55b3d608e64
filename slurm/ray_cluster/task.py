"""What the two roles of a task have in common; head.py and worker.py are the roles."""

import time
from pathlib import Path

from .journal import Journal
from .options import Options
from .rendezvous import Rendezvous
from .step import Step
from .stop import Stop


class Task:
    """One task of the step, with its tools."""

    def __init__(
        self,
        step: Step,
        options: Options,
        rendezvous: Rendezvous,
        journal: Journal,
        stop: Stop,
        scratch: Path,
    ) -> None:
        self.step, self.options, self.scratch = step, options, scratch
        self.rendezvous, self.journal, self.stop = rendezvous, journal, stop
        self.deadline = time.monotonic() + options.deadline_s
