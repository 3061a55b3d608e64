"""Waiting for runs that SLURM has; the action wait and the sweep launcher call it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.console import Console, short
from harness.submit import scheduler
from harness.submit.decide import LOCAL, RunState, decide, settled
from harness.submit.own_files import OwnFiles, read
from harness.submit.rows import Row
from harness.submit.scheduler import SchedulerError
from harness.submit.states import again, run_folders
from harness.submit.table import MANY, counts, short_names, show

POLL_S = 2.0
"""Between looks at the runs' own files."""
FEW = 20
ASK_FEW_S, ASK_MANY_S = 5.0, 30.0
"""Between questions to SLURM, for up to FEW open runs and for more."""
PATIENCE_S = 1800.0
"""How long to go on without an answer of SLURM: controllers are restarted."""
INTERRUPTED = 130


class Watcher:
    """Runs that are looked at again and again: own files often, SLURM seldom."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(folders)
        self.states: dict[Path, RunState] = {}
        self._asked_at = self._answered_at = -float("inf")
        self._words: dict[Path, str] = {}
        """What the runs said of themselves when SLURM was asked."""

    def look(self) -> list[RunState]:
        """The states that differ from the last look; between questions to SLURM those that the
        runs' own files settle.

        Raises:
            SchedulerError: SLURM does not answer at the first look, or for PATIENCE_S.
        """
        owns = {f: read(f) for f in self.folders if not self._is_final(f)}
        now = time.time()
        certain = {f: own for f, own in owns.items() if settled(own, now)}
        unsettled = {f: own for f, own in owns.items() if f not in certain}
        rows: dict[str, Row] = {}
        if self._due(unsettled) and (answer := self._ask(unsettled)) is not None:
            rows, certain = answer, {f: again(own, answer) for f, own in owns.items()}
        return [new for own in certain.values() if (new := self._changed(own, rows)) is not None]

    def _is_final(self, folder: Path) -> bool:
        return folder in self.states and self.states[folder].final

    def _changed(self, own: OwnFiles, rows: Mapping[str, Row]) -> RunState | None:
        new, old = decide(own, rows, time.time()), self.states.get(own.folder)
        self.states[own.folder] = new
        return new if old is None or _news(old) != _news(new) else None

    def _due(self, unsettled: Mapping[Path, OwnFiles]) -> bool:
        """SLURM is asked seldom, and sooner when a run has said something."""
        spoke = any(self._words.get(f) != own.state for f, own in unsettled.items())
        pause = ASK_FEW_S if spoke or len(unsettled) <= FEW else ASK_MANY_S
        return bool(unsettled) and time.monotonic() - self._asked_at >= pause

    def _ask(self, unsettled: Mapping[Path, OwnFiles]) -> dict[str, Row] | None:
        self._asked_at = time.monotonic()
        owns = unsettled.values()
        explained = {job.name for own in owns if own.cancelled_by_us for job in own.jobs}
        jobs = {job.name for own in owns for job in own.jobs}
        try:
            answer = scheduler.ask(jobs, explained=explained)
        except SchedulerError:
            if time.monotonic() - self._answered_at > PATIENCE_S:
                raise
            return None
        self._answered_at = time.monotonic()
        self._words |= {folder: own.state for folder, own in unsettled.items()}
        return answer.rows

    def ordered(self) -> list[RunState]:
        """All states, in the order of the folders."""
        return [self.states[folder] for folder in self.folders if folder in self.states]

    def over(self) -> bool:
        """Nothing changes any more."""
        return all(self._is_final(folder) for folder in self.folders)


def _news(run: RunState) -> tuple[object, ...]:
    """What is worth a line when it changes; why a job waits changes all the time."""
    waits = run.reason.startswith("waiting")
    quiet = run.state == "running" or (run.state == "queued" and waits)
    return run.state, run.stage, run.attempt, run.job, "" if quiet else run.reason


def wait(where: Path, console: Console, poll_s: float = POLL_S) -> int:
    """Prints a line for every change until all runs have ended; 0 if all are done, 130 if stopped.

    Args:
        where: see states.run_folders.
        console: where to.
        poll_s: seconds between looks at the runs' own files.
    """
    watcher = Watcher(run_folders(where))
    names = dict(zip(watcher.folders, short_names([f.name for f in watcher.folders]), strict=True))
    try:
        with console.progress(len(names), "runs") as bar:
            first = True
            while True:
                changed = watcher.look()
                if first and len(changed) > MANY:
                    console.say(counts(changed))
                    changed = []
                first = False
                for run in changed:
                    console.say(_line(run, names[run.folder]))
                bar.advance(sum(run.final for run in watcher.ordered()), len(names))
                if watcher.over():
                    break
                time.sleep(poll_s)
    except KeyboardInterrupt:
        console.say("\nstopped waiting; the runs go on. The same command waits again")
        return INTERRUPTED
    show(console, watcher.ordered(), where=short(where))
    return 0 if all(run.state == "done" for run in watcher.ordered()) else 1


def wait_for(run_dirs: Sequence[Path], poll_s: float = POLL_S) -> None:
    """Returns when all these runs have ended; prints nothing."""
    watcher = Watcher(run_dirs)
    while watcher.look() or not watcher.over():
        time.sleep(poll_s)


def _line(run: RunState, name: str) -> str:
    at = f" {run.stage}" if run.stage and run.state not in ("done", "queued") else ""
    job = f"  job {run.job}" if run.job not in ("", LOCAL) else ""
    node = f" on {run.node}" if run.node else ""
    attempt = f"  attempt {run.attempt}" if run.attempt > 1 else ""
    reason = f"  {run.reason}" if run.reason else ""
    return f"{time.strftime('%H:%M:%S')}  {name}  {run.state}{at}{attempt}{job}{node}{reason}"
