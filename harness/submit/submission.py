"""Runs -> SLURM arrays: what is there already is shown, the rest is frozen, grouped by what it asks
for and submitted; the actions run and dry_run call it."""

import fcntl
import os
import secrets
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.console import Console, short
from harness.differences import differences
from harness.errors import ConfigError, RunDirError, SubmitError
from harness.files import write_json, write_text
from harness.interrupts import held_back
from harness.rundir import RunDir, locked, read_status, run_path
from harness.spec import RunSpec, SlurmLaunch
from harness.submit import freeze, records, sbatch
from harness.submit.script import Place, job_name, script
from harness.submit.shapes import Group, Shape, grouped
from harness.submit.snapshot import Code, snapshot

LOCK = ".submit.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One run that is to be submitted."""

    spec: RunSpec
    """Its output_root is absolute."""
    launch: SlurmLaunch
    overrides: tuple[str, ...]
    directory: RunDir


def wanted(runs: Sequence[tuple[RunSpec, Sequence[str]]]) -> list[Wanted]:
    """The runs of a command line, each once, with their directories.

    Raises:
        ConfigError: a run was composed without launch=slurm.
    """
    found: dict[Path, Wanted] = {}
    for spec, overrides in runs:
        if not isinstance(spec.launch, SlurmLaunch):
            raise ConfigError(
                f"launch={spec.launch.kind} has nothing to submit: add launch=slurm (and "
                "launch.profile=<your cluster's>)"
            )
        folder = run_path(spec)
        run = Wanted(
            spec=spec.model_copy(update={"output_root": str(folder.parent)}),
            launch=spec.launch,
            overrides=tuple(overrides),
            directory=RunDir(folder),
        )
        _refuse_two_of_one(found.setdefault(run.directory.path, run), run)
    return list(found.values())


def _refuse_two_of_one(first: Wanted, second: Wanted) -> None:
    """The same run may be named twice in a sweep, but in one way only."""
    if first.spec != second.spec:
        differ = differences(
            first.spec.model_dump(mode="json"), second.spec.model_dump(mode="json")
        )
        raise ConfigError(
            f"{first.directory.path.name} is asked for in two ways, which make no difference to "
            "its result:\n" + "\n".join(differ) + "\nAsk for it in one way only"
        )


@contextmanager
def one_at_a_time(root: Path, console: Console) -> Iterator[None]:
    """Submissions into one output root follow one another; the second sees what the first did."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / LOCK).open("a+")
    except OSError as error:
        raise RunDirError(
            f"cannot write to {root}: {error.strerror}. Set output_root=<a writable folder>"
        ) from error
    with lock:
        if not locked(lock):
            console.say(f"another submission into {root} is under way; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def submit(runs: Sequence[Wanted], console: Console) -> Path:
    """Freezes runs and submits them, an array for each distinct set of resources.

    Args:
        runs: none of which is queued or running; all below one output root.
        console: where to say what was submitted.

    Returns:
        The submission's folder.

    Raises:
        RepriseError: refused before anything was submitted, or by SLURM; then the message names
            the arrays that were submitted before, and how to cancel them.
    """
    root = Path(runs[0].spec.output_root)
    groups = grouped([(run.spec, run.launch) for run in runs], sbatch.max_array_size())
    code = snapshot(root / records.CODE_FOLDER)
    _check(runs, code)
    place = _place(root, code)
    for run in runs:
        freeze.freeze_run(run.directory, run.spec, code.folder)
    record = _record(place, code, runs)
    place.logs.mkdir(parents=True)
    write_text(place.submission / freeze.ENVIRONMENT, freeze.environment_text())
    try:
        for number, group in enumerate(groups, start=1):
            with held_back():  # a job that SLURM took is written down
                _submit_group(runs, group, str(number), place, record)
    except KeyboardInterrupt:
        console.say(f"\nstopped; {_done_so_far(record)}")
        raise
    _say(console, place, code, record)
    return place.submission


def _check(runs: Sequence[Wanted], code: Code) -> None:
    """What can be known to fail is refused before anything is written for SLURM."""
    for run in runs:
        freeze.refuse_unshared(run.spec, run.launch, code.folder, sys.executable)
        if holder := run.directory.holder():
            raise RunDirError(
                f"{run.directory.path} is held by {holder}. Wait for it to end, or start another "
                "run (another seed=, another output_root=)"
            )


def _place(root: Path, code: Code) -> Place:
    identifier = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    folder = root / records.SUBMISSIONS_FOLDER / identifier
    return Place(submission=folder, code=code.folder, python=sys.executable, working=Path.cwd())


def _record(place: Place, code: Code, runs: Sequence[Wanted]) -> dict[str, Any]:
    return {
        "id": place.submission.name,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": ["python", *sys.orig_argv[1:]],
        "working_folder": os.getcwd(),
        "code": {
            "folder": str(code.folder), "commit": code.commit, "dirty": code.dirty,
            "tree": code.tree,
        },
        "environment": freeze.ENVIRONMENT,
        "overrides": {str(run.directory.path): list(run.overrides) for run in runs},
        "groups": [],
    }  # fmt: skip


def _submit_group(
    runs: Sequence[Wanted], group: Group, number: str, place: Place, record: dict[str, Any]
) -> None:
    """One array, or training and the evaluation that depends on it."""
    members = [runs[position].directory for position in group.members]
    earlier: str | None = None
    jobs: list[dict[str, Any]] = []
    for shape in group.shapes:
        name = array_name(number, shape)
        write_text(place.runs(name), "".join(f"{member.path}\n" for member in members))
        path = place.submission / f"{name}.sbatch"
        write_text(path, script(group, shape, place, name, depends_on=earlier))
        entry = records.array(name, shape, [member.path for member in members], earlier)
        record["groups"].append(entry)
        write_json(place.submission / records.SUBMISSION, record)
        if shape.part != "evaluate":
            for member in members:  # before SLURM hears of it: the job may start at once
                member.status("queued")
        try:
            earlier = entry["job_id"] = sbatch.submit(path, job_name(place.submission.name, name))
        except SubmitError as error:
            entry["error"] = str(error)
            if not jobs:
                _take_back(members, error)
            raise SubmitError(f"{error}\n{_done_so_far(record)}") from error
        finally:
            write_json(place.submission / records.SUBMISSION, record)
        jobs.append({"job_id": earlier, "part": shape.part})
        for index, member in enumerate(members):
            own = [{**job, "index": index} for job in jobs]
            records.write_submit(member.path, place.submission, own)


def array_name(number: str, shape: Shape) -> str:
    """The name of a group's array: 3, or 3-train and 3-evaluate."""
    return number if shape.part == "all" else f"{number}-{shape.part}"


def _take_back(members: Sequence[RunDir], error: SubmitError) -> None:
    for member in members:
        if read_status(member.path).get("state") != "queued":
            continue  # a job of it runs after all
        member.status("failed", stage="submit", reason=str(error), cause="not_submitted")


def _done_so_far(record: dict[str, Any]) -> str:
    """What SLURM has of this submission, for the message of a failed one."""
    ids = [group["job_id"] for group in record["groups"] if group["job_id"]]
    if not ids:
        return "nothing was submitted before that"
    submitted = sum(len(g["runs"]) for g in record["groups"] if g["job_id"])
    return (
        f"submitted before that, and still there: {submitted} runs as job(s) {', '.join(ids)}; "
        f"`scancel {' '.join(ids)}` cancels them, the same command submits only what is missing"
    )


def _say(console: Console, place: Place, code: Code, record: dict[str, Any]) -> None:
    rows = [
        [group["job_id"], str(len(group["runs"])), group["part"], Shape(**group["shape"]).text()]
        for group in record["groups"]
    ]
    console.table(f"submitted, {code.text()}", ["job", "runs", "part", "resources of each"], rows)
    console.say(
        f"python run.py action=status {shlex.quote(f'runs={short(place.submission)}')}\n"
        "likewise action=wait (until all have ended), cancel, collect (results)"
    )


def dry_run(runs: Sequence[Wanted], console: Console) -> int:
    """Prints every sbatch script of a submission and what `sbatch --test-only` says of it.

    Returns:
        1 if SLURM would refuse one. Nothing is written or submitted.
    """
    size = sbatch.max_array_size() if sbatch.present() else sbatch.DEFAULT_MAX_ARRAY_SIZE
    groups = grouped([(run.spec, run.launch) for run in runs], size)
    root = Path(runs[0].spec.output_root)
    place = Place(
        submission=root / records.SUBMISSIONS_FOLDER / "DRY-RUN",
        code=root / records.CODE_FOLDER / "DRY-RUN",
        python=sys.executable,
        working=Path.cwd(),
    )
    refused = False
    for number, group in enumerate(groups, start=1):
        for shape in group.shapes:
            text = script(group, shape, place, array_name(str(number), shape))
            console.say(f"\n{len(group.members)} runs, {shape.text()}:")
            if shape.part == "evaluate":
                console.say("  (each starts when the training of the same run has ended well)")
            for position in group.members:
                console.say(f"  {runs[position].directory.path.name}")
            console.say(f"\n{text}")
            refused |= not _test(text, console)
    return 1 if refused else 0


def _test(text: str, console: Console) -> bool:
    if not sbatch.present():
        console.say("sbatch --test-only: not run (there is no sbatch on this machine)")
        return True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.sbatch"
        path.write_text(text)
        accepted, said = sbatch.test_only(path)
    console.say(f"sbatch --test-only: {said}")
    return accepted


def below_one_root(runs: Sequence[Wanted]) -> Path:
    """The output root of all runs.

    Raises:
        SubmitError: there are several.
    """
    roots = sorted({run.spec.output_root for run in runs})
    if len(roots) > 1:
        raise SubmitError(
            f"the runs of one submission have several output_root: {', '.join(roots)}. Submit them "
            "one root after the other"
        )
    return Path(roots[0])
