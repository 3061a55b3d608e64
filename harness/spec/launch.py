"""Where a run's processes start: here and now, or as a job of a SLURM cluster; the fields of a
cluster profile (slurm/profiles) are those of SlurmLaunch."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt

from harness.spec.base import Part


class LocalLaunch(Part):
    """On this machine, now."""

    kind: Literal["local"]
    """Discriminates the launch."""


class Container(Part):
    """What the job's processes run in."""

    kind: Literal["none", "apptainer", "pyxis"] = "none"
    """none: the environment that submits; apptainer: `apptainer exec`; pyxis: srun's options."""
    image: str | None = None
    """Image file or reference (pyxis: owner/name:tag or a .sqsh file)."""
    mounts: list[str] = []
    """Folders that must be seen inside, `path` or `outside:inside`; the shared ones always are."""
    python: str = "python"
    """Interpreter inside the image."""
    arguments: list[str] = []
    """Further words for `apptainer exec`, or for srun."""


class SlurmLaunch(Part):
    """As a SLURM job that is frozen when it is submitted."""

    # Accounts and values of variables are words to SLURM, and numbers to YAML.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    kind: Literal["slurm"]
    """Discriminates the launch."""
    profile: str = "default"
    """A name in slurm/profiles, or the path of a YAML file with these fields."""
    partition: str | None = None
    """Partition; null takes the cluster's default."""
    account: str | None = None
    """Account that is charged."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that the nodes must have."""
    time_min: PositiveInt | None = None
    """Time limit of one job in minutes; null takes the partition's. A run that needs longer goes on
    from its last checkpoint."""
    gres: str | None = "gpu:{type}:{count}"
    """How this cluster asks for GPUs on each node; {type} is hardware.gpu in the cluster's words,
    {count} their number. null asks for none."""
    gpu_types: dict[str, str] = {}
    """hardware.gpu -> the cluster's name of it; what is not listed is written in small letters."""
    cpus_per_gpu: PositiveInt | None = None
    """CPUs for each GPU; null takes the hardware profile's."""
    mem_gb_per_gpu: PositiveFloat | None = None
    """Host memory for each GPU; null takes the hardware profile's."""
    exclusive: bool = False
    """Whole nodes with all their memory, whatever the run needs."""
    container: Container = Container()
    """What the processes run in."""
    modules: list[str] = []
    """Environment modules to load."""
    environment: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], str] = {}
    """Variables of the job."""
    setup: list[str] = []
    """Shell lines before the job's own."""
    shared_paths: list[str] = []
    """Folders that all nodes see; what a run needs must lie in one of them. Empty: not checked."""
    sbatch: dict[str, str | int | bool] = {}
    """Further sbatch options, for example {mail-type: END}; they win, and false takes one away."""
    array_parallelism: PositiveInt = 64
    """Runs of one array that may run at the same time."""
    max_attempts: PositiveInt = 20
    """Attempts at one run, requeued ones included."""
    notice_s: Annotated[int, Field(ge=10)] = 120
    """How long before a time limit SLURM announces it. All but the last 45 s are for the step under
    way, which is saved when it ends; a shorter notice than a minute stops the run at once."""
    split: bool = False
    """Evaluate in a second job, on eval_gpus, that starts when training has ended."""
    eval_gpus: PositiveInt = 1
    """GPUs of that job, on one node."""


RunPart = Literal["all", "train", "evaluate"]
"""What one process does of a run: all of it, up to the exported model, or the rest."""

Launch = Annotated[LocalLaunch | SlurmLaunch, Field(discriminator="kind")]
