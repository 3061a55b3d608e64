"""What a run asks of SLURM, and which runs share an array: pure; submission.py reads it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.errors import ConfigError
from harness.spec import Hardware, RunPart, RunSpec, SlurmLaunch

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The resources of one job."""

    part: RunPart
    """What of the run it does; with launch.split training and evaluation are two jobs."""
    nodes: int
    gpus_per_node: int
    """GPUs of one node, or training processes where there are none."""
    gres: str | None
    """The generic resources of one node in sbatch's words."""
    cpus_per_node: int
    mem_gb_per_node: float | None
    """Host memory; null is all of an exclusive node."""

    def text(self) -> str:
        """For tables: 2 nodes x gpu:a800:4, 32 CPUs, 384 GB."""
        nodes = f"{self.nodes} node{'s' if self.nodes > 1 else ''}"
        memory = "all memory" if self.mem_gb_per_node is None else f"{self.mem_gb_per_node:g} GB"
        return f"{nodes} x {self.gres or 'no GPU'}, {self.cpus_per_node} CPUs, {memory}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Runs that go into one array (two with launch.split)."""

    shapes: tuple[Shape, ...]
    """One job, or training and then evaluation."""
    launch: SlurmLaunch
    members: tuple[int, ...]
    """Positions of the runs in the sequence that was grouped."""


def shapes(spec: RunSpec, launch: SlurmLaunch) -> tuple[Shape, ...]:
    """The jobs of a run, in their order.

    Raises:
        ConfigError: the kind of GPU is asked for and not known.
    """
    hardware = spec.hardware
    if not launch.split:
        return (_shape(spec, launch, "all", hardware.nodes, hardware.gpus_per_node),)
    return (
        _shape(spec, launch, "train", hardware.nodes, hardware.gpus_per_node),
        _shape(spec, launch, "evaluate", 1, launch.eval_gpus),
    )


def _shape(spec: RunSpec, launch: SlurmLaunch, part: RunPart, nodes: int, gpus: int) -> Shape:
    hardware = spec.hardware
    memory = gpus * (launch.mem_gb_per_gpu or hardware.host_mem_gb_per_gpu)
    return Shape(
        part=part,
        nodes=nodes,
        gpus_per_node=gpus,
        gres=_gres(launch, hardware, gpus),
        cpus_per_node=gpus * (launch.cpus_per_gpu or hardware.cpus_per_gpu),
        mem_gb_per_node=None if launch.exclusive else memory,
    )


def _gres(launch: SlurmLaunch, hardware: Hardware, count: int) -> str | None:
    if launch.gres is None or hardware.device == "cpu":
        return None
    if hardware.gpu is None and "{type}" in launch.gres:
        raise ConfigError(
            f"launch.gres={launch.gres} names the kind of GPU and hardware.gpu is not set: set "
            "hardware.gpu=<for example A800>, or ask for any with 'launch.gres=\"gpu:{count}\"'"
        )
    gpu = hardware.gpu or ""
    kind = launch.gpu_types.get(gpu, gpu.lower())
    return launch.gres.replace("{type}", kind).replace("{count}", str(count))


def grouped(specs: Sequence[tuple[RunSpec, SlurmLaunch]], max_array_size: int) -> list[Group]:
    """Runs by what they ask of SLURM, in the order of their first members.

    Args:
        specs: the runs with their launch.
        max_array_size: SLURM's MaxArraySize: the largest index plus one.
    """
    found: dict[str, list[int]] = {}
    for position, (spec, launch) in enumerate(specs):
        key = f"{shapes(spec, launch)} {launch.model_dump_json()}"
        found.setdefault(key, []).append(position)
    groups = []
    for members in found.values():
        spec, launch = specs[members[0]]
        for chunk in chunks(members, max_array_size):
            groups.append(Group(shapes=shapes(spec, launch), launch=launch, members=tuple(chunk)))
    return groups


def chunks(items: Iterable[Item], size: int) -> list[list[Item]]:
    """The items in pieces of at most `size`."""
    whole = list(items)
    return [whole[start : start + size] for start in range(0, len(whole), size)]
