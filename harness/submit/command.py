"""What launch=slurm does with the runs of one command line: those that are there are shown, the
rest is submitted; the actions run and dry_run call it."""

from collections.abc import Sequence

from harness.console import Console, short
from harness.rundir import RUN_FILE, read_record, record
from harness.spec import RunSpec
from harness.submit import sbatch, table
from harness.submit.decide import RunState
from harness.submit.records import SUBMIT
from harness.submit.states import states
from harness.submit.submission import (
    Wanted,
    below_one_root,
    dry_run,
    one_at_a_time,
    submit,
    wanted,
)

Runs = Sequence[tuple[RunSpec, Sequence[str]]]
NOT_MEASURED = ("launch", "output_root", "tracking")
"""Fields that change nothing about a finished run."""


def submit_runs(runs: Runs, *, again: bool) -> int:
    """Submits what is neither in SLURM's hands nor finished, and shows how the rest stands.

    Args:
        runs: composed runs with their overrides.
        again: submit what failed or was cancelled, too.

    Returns:
        0; what becomes of the runs is for status, wait and collect to say.
    """
    sbatch.refuse_without_slurm()
    found, console = wanted(runs), Console()
    root = below_one_root(found)
    with one_at_a_time(root, console):
        there = [run.directory.path for run in found if (run.directory.path / RUN_FILE).exists()]
        known = {state.folder: state for state in states(there)}
        fresh = [run for run in found if is_due(run, known.get(run.directory.path), again)]
        if fresh:
            submit(fresh, console)
    due = {run.directory.path for run in fresh}
    if shown := [state for folder, state in known.items() if folder not in due]:
        table.show(console, shown, where=short(root))
        if not again and any(state.final and state.state != "done" for state in shown):
            console.say("again=true submits those that failed or were cancelled")
    return 0


def is_due(run: Wanted, state: RunState | None, again: bool) -> bool:
    """Whether a run is to be submitted."""
    if state is None or state.state == "not submitted":
        return True
    if not state.final or state.in_slurm:
        return False
    if state.state == "done":
        return _asks_for_more(run)
    by_hand = not (run.directory.path / SUBMIT).exists()
    return again or by_hand


def _asks_for_more(run: Wanted) -> bool:
    """A finished run is measured again under another protocol."""
    before = read_record(run.directory.path / RUN_FILE)["spec"]
    now = record(run.spec)["spec"]
    return any(before.get(name) != value for name, value in now.items() if name not in NOT_MEASURED)


def show_scripts(runs: Runs) -> int:
    """Prints what would be submitted; 1 if SLURM would refuse some of it.

    Raises:
        ConfigError: a run was composed without launch=slurm.
    """
    found = wanted(runs)
    below_one_root(found)
    return dry_run(found, Console())
