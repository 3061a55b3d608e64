"""`python -m harness.submit.job <run>`: one attempt at one frozen run inside its SLURM job; started
by slurm/job.sh on the first node, where it decides if the run may go on, and says how it ended."""

import json
import os
import sys
from pathlib import Path

from harness.errors import RepriseError, RunDirError, SubmitError
from harness.interrupts import sigterm_as_interrupt
from harness.pipeline import execute
from harness.rundir import NOTICE, RUN_FILE, RunDir, read_status
from harness.spec import RunSpec, SlurmLaunch
from harness.submit import attempts, freeze, records

INTERRUPTED = 75
"""Told to stop; slurm/job.sh asks for another attempt after a time limit or a preemption."""
GAVE_UP = 76
WORDS = {
    "time_limit": "the job's time limit came; SLURM starts the run again, from its last checkpoint",
    "preemption": "preempted by another job; SLURM starts the run again, from its last checkpoint",
    "terminated": "told to stop from outside",
}


def main(run: Path) -> int:
    """Exit code: 0 done, 75 interrupted and resumable, 76 not to be tried again, else failed."""
    directory = RunDir(run)
    with sigterm_as_interrupt():  # around the words of farewell, too: a second SIGTERM is common
        try:
            return _attempt(directory)
        except KeyboardInterrupt:
            cause = _noticed(run)
            directory.ended("interrupted", cause=cause, reason=WORDS[cause])
            return INTERRUPTED
        except RepriseError as error:
            if read_status(run).get("state") != "failed" and not isinstance(error, RunDirError):
                directory.ended("failed", cause=error.cause, reason=str(error))
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code


def _attempt(directory: RunDir) -> int:
    run, submission = directory.path, Path(os.environ["REPRISE_SUBMISSION"])
    spec, launch = frozen(run)
    if later := _later_submission(run, submission):
        print(f"giving up: {later} has taken this run over", file=sys.stderr)
        return GAVE_UP
    task = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    now = attempts.start_now(run, task, int(os.environ.get("SLURM_RESTART_COUNT", "0")))
    if refused := attempts.refusal(attempts.starts(run, task), now, launch.max_attempts):
        cause, reason = refused
        directory.ended("failed", cause=cause, reason=reason)
        print(f"giving up: {reason}", file=sys.stderr)
        return GAVE_UP
    attempts.record_start(run, now)
    record = records.read_record(submission / records.SUBMISSION)
    _check(directory, spec, launch, submission / record["environment"])
    _link(Path(os.environ["REPRISE_LOGS"]) / "attempt", directory)
    overrides = record["overrides"].get(str(run), [])
    execute(spec, overrides, part=os.environ["REPRISE_PART"])  # type: ignore[arg-type]
    return 0


def _later_submission(run: Path, mine: Path) -> str | None:
    """Of a run that was submitted twice, since a killed submission could not write down its job."""
    if not (run / records.SUBMIT).exists():
        return None  # this job came up before that was written
    named = str(records.read_record(run / records.SUBMIT)["submission"])
    moments = [Path(name).name.rpartition("-")[0] for name in (str(mine), named)]
    return named if moments[1] > moments[0] else None


def frozen(run: Path) -> tuple[RunSpec, SlurmLaunch]:
    """The run and its launch as run.json holds them."""
    spec = RunSpec.model_validate(records.read_record(run / RUN_FILE)["spec"])
    if not isinstance(spec.launch, SlurmLaunch):
        raise SubmitError(f"{run} was composed for launch={spec.launch.kind}, not for SLURM")
    return spec, spec.launch


def _check(directory: RunDir, spec: RunSpec, launch: SlurmLaunch, environment: Path) -> None:
    """What runs is what was frozen: packages (a container brings its own) and verl keys."""
    changed = []
    if launch.container.kind == "none":
        changed += freeze.changed_packages(environment.read_text())
    changed += freeze.changed_keys(spec, directory.path)
    if changed:
        shown = "\n".join(f"  {line}" for line in changed[:10])
        more = f"\n  and {len(changed) - 10} more" if len(changed) > 10 else ""
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise SubmitError(  # the first line is what status and wait show
            f"{changed[0]}{others}: what is here is not what was frozen when the run was "
            f"submitted:\n{shown}{more}\n"
            "Restore it, or submit again with again=true, which freezes what is there now",
            cause="environment_changed",
        )


def _link(link: Path, directory: RunDir) -> None:
    """From the job's logs to those of the attempt that now begins."""
    link.unlink(missing_ok=True)
    link.symlink_to(Path("..") / ".." / f"attempt_{directory.next_attempt()}")


def _noticed(run: Path) -> str:
    """Why SLURM ends the job; told to stop without an announcement: terminated."""
    try:
        cause = json.loads((run / NOTICE).read_text())["cause"]
    except (OSError, ValueError, KeyError):
        return "terminated"
    return cause if cause in WORDS else "terminated"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
