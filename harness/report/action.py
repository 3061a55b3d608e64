"""action=report: the page of one run, or the pages of many with the sweep page and the leaderboard
over them; harness/actions.py calls it."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from harness.cards import REPRODUCTIONS
from harness.chain import STAGES_FOLDER
from harness.console import Console, short
from harness.errors import RunDirError
from harness.report.run.page import PAGE, write_report
from harness.rundir import RUN_FILE
from harness.submit.states import run_folders, survey

DATA = ("run.json", "status.json", "events.jsonl", "provenance.json", "departures.json",
        "plan.json")  # fmt: skip
"""Files that a run's page shows, besides those of its stages and all below evaluation/."""
PROGRAM = (".py", ".j2", ".css", ".js")


def report(where: Path, console: Console) -> int:
    """Writes the page of a run; of a submission or an output root also sweep and leaderboard.

    Pages that are newer than their run's files and than this program are left as they are.

    Args:
        where: see states.run_folders.
        console: where to.

    Raises:
        ConfigError: there are no runs.
        SchedulerError: SLURM would have to be asked, and does not answer.
        RunDirError: a page cannot be written.
    """
    folders = run_folders(where)
    where = where.expanduser().resolve()
    try:
        if (where / RUN_FILE).is_file():
            console.say(f"written: {short(write_report(where))}, report.json and report.md")
            return 0
        return _many(folders, where, console)
    except OSError as error:
        raise RunDirError(
            f"cannot write {error.filename or 'a page'}: {error.strerror or error}. Give runs=<a "
            "folder that you may write to>, or free space"
        ) from error


def _many(folders: list[Path], where: Path, console: Console) -> int:
    from harness.report.leaderboard.page import write_leaderboard
    from harness.report.sweep.page import write_sweep
    from harness.report.sweep.runs import read_many

    found = survey(folders)
    stale = [folder for folder in folders if folder.is_dir() and is_stale(folder)]
    with console.progress(len(stale), "pages"):
        for done, folder in enumerate(stale, start=1):
            write_report(folder)
            console.advance(done, len(stale))
    kept = len(folders) - len(stale)
    console.say(f"pages of runs: {len(stale)} written, {kept} newer than their data")
    runs = read_many(found.runs)
    for page in (write_sweep(runs, where), write_leaderboard(runs, where)):
        console.say(f"written: {short(page)}, {page.stem}.json and {page.stem}.md")
    if found.note:
        console.say(found.note)
    return 0


def is_stale(folder: Path) -> bool:
    """Whether a run's page is missing, or older than what it shows or what makes it."""
    try:
        made = (folder / PAGE).stat().st_mtime
    except OSError:
        return True
    return made < max(_program(), *_times(_data(folder)))


def _data(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in DATA)
    yield from folder.glob(f"{STAGES_FOLDER}/*/events.jsonl")
    yield from (folder / "evaluation").rglob("*")


@cache
def _program() -> float:
    """When this package, or a card that it quotes, last changed."""
    own = (path for path in Path(__file__).parent.rglob("*") if path.suffix in PROGRAM)
    return max(_times([*own, *REPRODUCTIONS.glob("*/card.yaml")]))


def _times(paths: Iterable[Path]) -> list[float]:
    found = [0.0]
    for path in paths:
        try:
            found.append(path.stat().st_mtime)
        except OSError:  # removed meanwhile
            continue
    return found
