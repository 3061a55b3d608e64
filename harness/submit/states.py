"""The state of runs: what their own folders say first, then what SLURM says; table.py shows it,
watch.py waits on it, submission.py asks it before it submits."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import ConfigError
from harness.rundir import RUN_FILE
from harness.submit.decide import RunState, decide, relevant, settled
from harness.submit.own_files import OwnFiles, job_words, read
from harness.submit.records import CODE_FOLDER, SUBMISSION, SUBMISSIONS_FOLDER
from harness.submit.rows import Row
from harness.submit.scheduler import ask


@dataclass(frozen=True, slots=True)
class States:
    """How several runs stand, and what could not be known about them."""

    runs: list[RunState]
    note: str = ""


def run_folders(where: Path) -> list[Path]:
    """The runs of a run directory, of a submission's folder, or below an output root.

    Raises:
        ConfigError: there are none.
    """
    where = where.expanduser().resolve()
    if (where / SUBMISSION).is_file():
        found = _submitted(where / SUBMISSION)
    else:
        found = sorted(_below(where))
    if not found:
        what = "holds no runs" if where.is_dir() else "is not there"
        raise ConfigError(
            f"runs={where} {what}: give the directory of a run, a submission "
            f"(<output_root>/{SUBMISSIONS_FOLDER}/<id>), or an output root; without runs= it is "
            "output_root"
        )
    return found


def _submitted(record: Path) -> list[Path]:
    try:
        groups = json.loads(record.read_bytes())["groups"]
        return list(dict.fromkeys(Path(run) for group in groups for run in group["runs"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{record} is damaged ({type(error).__name__}: {error}): give runs=<the output root> "
            "instead, which is searched for runs"
        ) from error


def _below(folder: Path) -> Iterator[Path]:
    if (folder / RUN_FILE).is_file():
        yield folder
        return
    try:
        inner = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return
    for path in inner:
        if path.name not in (CODE_FOLDER, SUBMISSIONS_FOLDER) and not path.name.startswith("."):
            yield from _below(path)


def states(folders: Sequence[Path]) -> list[RunState]:
    """How these runs stand, in their order.

    Raises:
        SchedulerError: SLURM would have to be asked, and does not answer (see scheduler.ask).
    """
    return survey(folders).runs


def survey(folders: Sequence[Path]) -> States:
    """As states(), with what could not be known."""
    owns, now = [read(folder) for folder in folders], time.time()
    asked = [own for own in owns if not settled(own, now)]
    answer = ask(
        {job.name for own in asked for job in own.jobs},
        explained={job.name for own in asked if own.cancelled_by_us for job in own.jobs},
    )
    looked = {own.folder: again(own, answer.rows) for own in asked}
    runs = [decide(looked.get(own.folder, own), answer.rows, now) for own in owns]
    return States(runs, answer.note)


def again(own: OwnFiles, rows: Mapping[str, Row]) -> OwnFiles:
    """A run that is read once more where its job has ended: it may have said so since."""
    row = relevant(own, rows)
    if row is not None and not row.ended:
        return own
    own = read(own.folder)
    if row is None or own.state in ("done", "failed"):
        return own
    line, log = job_words(own, row.job)
    return replace(own, last_words=line, log=log)
