"""Talking to sbatch: a script in, a job id or an error that helps out; submission.py calls it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.errors import SubmitError

TIMEOUT_S = 60
DEFAULT_MAX_ARRAY_SIZE = 1001
"""SLURM's own default."""
KEPT = ("SLURM_CONF", "SLURM_CLUSTERS")
"""Of the variables of SLURM: a submission from inside a job must not inherit that job's."""

HINTS = (
    (r"accounting/qos policy", "your account's limits are reached (`sacctmgr show qos`, `sacctmgr "
     "show associations user=$USER`): submit fewer runs, or wait for some to end"),
    (r"invalid partition", "set launch.partition to one of these:\n{partitions}"),
    (r"invalid account|account/partition combination", "set launch.account to one of yours "
     "(`sacctmgr show associations user=$USER`), or leave it out"),
    (r"invalid qos", "set launch.qos to one that your account may use (`sacctmgr show qos`)"),
    (r"time limit", "set launch.time_min to at most the partition's limit (a run goes on in the "
     "next job):\n{partitions}"),
    (r"generic resource|gres", "set launch.gres and launch.gpu_types in the profile to this "
     "cluster's words (untyped GPUs: gres: 'gpu:{{count}}'):\n{partitions}"),
    (r"node configuration|not available", "no node of the partition has such GPUs (launch.gres, "
     "launch.gpu_types), so many of them, so many CPUs (launch.cpus_per_gpu) or so much memory "
     "(launch.mem_gb_per_gpu):\n{partitions}"),
    (r"unrecognized option", "take it out of launch.sbatch: this cluster's sbatch has no such "
     "option (`sbatch --help`)"),
    (r"slurm controller|socket|configuration file", "SLURM does not answer this machine: see "
     "`sinfo`, and give the same command again when it does"),
    (r"array", "set launch.array_parallelism, or submit fewer runs: the array is too large"),
)  # fmt: skip
"""What sbatch says -> what to do."""


class Unanswered(SubmitError):
    """A command of SLURM did not end in time."""


def present() -> bool:
    """Whether this machine can submit."""
    return shutil.which("sbatch") is not None


def refuse_without_slurm() -> None:
    """Raises SubmitError on a machine that cannot submit."""
    if not present():
        raise SubmitError(
            "launch=slurm: there is no sbatch on this machine. Log in to a host of the cluster "
            "that has it, leave launch= out to run here, or start a development cluster "
            "(docs/slurm-dev.md)"
        )


def submit(path: Path, name: str) -> str:
    """Hands a script file to SLURM.

    Args:
        path: the script.
        name: its job name, which no other script has: when the answer is lost, the job is found by
            it.

    Returns:
        The job id.

    Raises:
        SubmitError: refused (in SLURM's words, with what to do), or no answer that names a job and
            no job of that name.
    """
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedSubmissionError

    try:
        code, output, errors = _call(["sbatch", str(path)])
        if code == 0:
            return str(SlurmExecutor._get_job_id_from_submission_command(output))
    except (Unanswered, FailedSubmissionError) as error:
        if found := _job_named(name):
            return found
        said = str(error).strip().partition("\n")[0]  # submitit's advice is about its own objects
        raise SubmitError(
            f"sbatch gave no answer that names a job ({said}), and no job named "
            f"{name} was found: whether it took {path} is not known; `squeue --me` tells"
        ) from error
    said = errors or output
    raise SubmitError(f"sbatch refused {path}: {said}\n{_hint(said)}".rstrip())


def _job_named(name: str) -> str | None:
    """The job (of an array: its own id) of that name, if SLURM answers and has one."""
    try:
        code, output, _ = _call(["squeue", "--noheader", f"--name={name}", "--format=%F"])
    except SubmitError:
        return None
    return output.split()[0] if code == 0 and output else None


def test_only(path: Path) -> tuple[bool, str]:
    """Whether SLURM would take a script file, and its words; nothing is submitted."""
    code, output, errors = _call(["sbatch", "--test-only", str(path)])
    said = errors or output
    return (True, said) if code == 0 else (False, f"{said}\n{_hint(said)}".rstrip())


def max_array_size() -> int:
    """The cluster's MaxArraySize: the largest array index plus one."""
    code, output, _ = _call(["scontrol", "show", "config"])
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", output, re.MULTILINE)
    return int(match.group(1)) if code == 0 and match else DEFAULT_MAX_ARRAY_SIZE


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what an enclosing job or a habit of the shell says to sbatch."""
    prefixes = ("SLURM_", "SBATCH_", "SRUN_")
    return {k: v for k, v in environment.items() if k in KEPT or not k.startswith(prefixes)}


def _hint(errors: str) -> str:
    for pattern, hint in HINTS:
        if re.search(pattern, errors, re.IGNORECASE):
            partitions = _partitions() if "{partitions}" in hint else ""
            return hint.replace("{partitions}", partitions).replace("{{", "{").replace("}}", "}")
    return ""


def _partitions() -> str:
    """Partition, time limit, nodes and their GPUs, a line each."""
    try:
        code, output, _ = _call(["sinfo", "--format", "%R  limit %l  %D nodes  %G  %c CPUs  %m MB"])
    except SubmitError:
        return ""
    return "\n".join(f"  {line}" for line in output.splitlines()[1:]) if code == 0 else ""


def _call(words: list[str]) -> tuple[int, str, str]:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S,
            env=clean(os.environ), start_new_session=True,  # no Ctrl-C between asking and answer
        )  # fmt: skip
    except FileNotFoundError as error:
        raise SubmitError(f"{words[0]} is not on this machine: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise Unanswered(
            f"{words[0]} did not answer within {TIMEOUT_S} s: whether it did its work is not "
            "known. `squeue --me` tells, when the controller answers again"
        ) from error
    return done.returncode, done.stdout.strip(), done.stderr.strip()
