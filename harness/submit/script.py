"""A group of runs -> the text of its sbatch script; submitit writes the header. Pure."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.spec import SlurmLaunch
from harness.submit.shapes import Group, Shape

SIGNAL = "USR2"
"""What SLURM sends to the batch shell before a time limit, and before a preemption where it can."""

LEAST_RAY_CPUS = 16
"""What Ray is told a node has, at least: verl reserves three for each GPU and some beside, and
waits for ever where they are fewer. Only Ray's book-keeping; SLURM gives what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a submission's files lie, and with what its jobs run."""

    submission: Path
    code: Path
    """The snapshot of the code."""
    python: str
    """The interpreter that submits."""
    working: Path
    """The folder where it was started: relative paths of the run begin there."""

    def runs(self, group: str) -> Path:
        """The run directories of a group, one a line; line = array index + 1."""
        return self.submission / f"{group}.runs"

    @property
    def logs(self) -> Path:
        """Where the batch scripts' own output goes."""
        return self.submission / "logs"


def job_name(submission: str, group: str) -> str:
    """The name under which SLURM knows the jobs of a group."""
    return f"reprise-{submission}-{group}"


def script(
    group: Group, shape: Shape, place: Place, name: str, *, depends_on: str | None = None
) -> str:
    """The whole sbatch script of one array.

    Args:
        group: the runs and their launch.
        shape: which of the group's jobs.
        place: folders and interpreter.
        name: the group's short name.
        depends_on: job id of the array whose runs must have ended well, index by index.
    """
    from submitit.slurm.slurm import _make_sbatch_string

    launch = group.launch
    text: str = _make_sbatch_string(
        command=_body(group, shape, place, name),
        folder=place.logs,
        job_name=job_name(place.submission.name, name),
        partition=launch.partition,
        time=launch.time_min,  # type: ignore[arg-type]
        nodes=shape.nodes,
        ntasks_per_node=1,
        cpus_per_task=shape.cpus_per_node,
        qos=launch.qos,
        setup=_setup(group) or None,
        mem="0" if shape.mem_gb_per_node is None else f"{round(shape.mem_gb_per_node * 1024)}M",
        comment=str(place.submission),
        constraint=launch.constraint,
        account=launch.account,
        gres=shape.gres,
        dependency=f"aftercorr:{depends_on}" if depends_on else None,
        exclusive=launch.exclusive or None,
        array_parallelism=launch.array_parallelism,
        wckey=None,  # type: ignore[arg-type]
        stderr_to_stdout=True,
        map_count=len(group.members),
        use_srun=False,
        additional_parameters=_further(launch, depends_on),
    )
    return text


def _further(launch: SlurmLaunch, depends_on: str | None) -> dict[str, str | int | bool]:
    """Options without an argument of submitit; the profile's own win, false takes one away."""
    options: dict[str, str | int | bool] = {
        "signal": f"B:{SIGNAL}@{launch.notice_s}",
        "requeue": True,
        **({"kill_on_invalid_dep": "yes"} if depends_on else {}),
    }
    # submitit keeps its own under names with _: one with - would not replace them.
    options |= {name.replace("-", "_"): value for name, value in launch.sbatch.items()}
    return {name: value for name, value in options.items() if value is not False}


def _setup(group: Group) -> list[str]:
    launch = group.launch
    lines = [f"module load {shlex.quote(module)}" for module in launch.modules]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in launch.environment.items()]
    return lines + launch.setup


def _body(group: Group, shape: Shape, place: Place, name: str) -> str:
    """What the batch shell hands to slurm/job.sh, which it then becomes."""
    launch = group.launch
    variables = {
        "REPRISE_CODE": str(place.code),
        "REPRISE_SUBMISSION": str(place.submission),
        "REPRISE_RUNS": str(place.runs(name)),
        "REPRISE_PART": shape.part,
        "REPRISE_GPUS_PER_NODE": str(shape.gpus_per_node),
        "REPRISE_RAY_CPUS": str(max(shape.cpus_per_node, LEAST_RAY_CPUS)),
        "REPRISE_NOTICE_S": str(launch.notice_s),
        "REPRISE_MAX_ATTEMPTS": str(launch.max_attempts),
    }
    lines = [f"export {key}={shlex.quote(value)}" for key, value in variables.items()]
    lines.append(f"SRUN_OPTIONS=({shlex.join(srun_options(launch, place))})")
    lines.append(f"PYTHON=({shlex.join(interpreter(launch, place))})")
    lines.append(f". {shlex.quote(str(place.code / 'slurm' / 'job.sh'))}")
    return "\n".join(lines)


def srun_options(launch: SlurmLaunch, place: Place) -> list[str]:
    """What srun needs besides the resources of the job: pyxis' words."""
    container = launch.container
    if container.kind != "pyxis":
        return []
    mounts = ",".join(_mount(path) for path in _mounts(launch, place))
    return [f"--container-image={container.image}", f"--container-mounts={mounts}",
            f"--container-workdir={place.working}", *container.arguments]  # fmt: skip


def interpreter(launch: SlurmLaunch, place: Place) -> list[str]:
    """The words that start Python on a node; the last is Python itself."""
    container = launch.container
    if container.kind == "none":
        return [place.python]
    if container.kind == "pyxis":
        return [container.python]
    binds = [word for path in _mounts(launch, place) for word in ("--bind", path)]
    binds += ["--pwd", str(place.working)]
    image = str(container.image)
    return ["apptainer", "exec", "--nv", *binds, *container.arguments, image, container.python]


def _mounts(launch: SlurmLaunch, place: Place) -> list[str]:
    """Output root with the snapshot, working folder, what is shared and what is asked for."""
    shared = [os.path.expanduser(os.path.expandvars(path)) for path in launch.shared_paths]
    root = str(place.submission.parents[1])
    found = [root, str(place.working), *shared, *launch.container.mounts]
    return list(dict.fromkeys(found))


def _mount(path: str) -> str:
    return path if ":" in path else f"{path}:{path}"
