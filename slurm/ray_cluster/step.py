"""What SLURM says about this task: its rank, its job, the nodes of its step."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .failure import Failed


@dataclass(frozen=True)
class Step:
    """One task of a job step; `nodes` are the step's node names in the order of their ranks."""

    job_id: int
    key: str
    """Names this start of this step: a requeued job, which keeps its id, gets another."""
    rank: int
    nodes: tuple[str, ...]

    @property
    def node(self) -> str:
        """This task's own node."""
        return self.nodes[self.rank]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Step":
        """Reads SLURM's variables; raises Failed outside a job or with several tasks a node."""
        if not {"SLURM_JOB_ID", "SLURM_PROCID", "SLURM_JOB_NODELIST"} <= environment.keys():
            raise Failed(2, "this is not a SLURM job: run it by srun inside sbatch or salloc")
        # The step may have fewer nodes than the job.
        given = environment.get("SLURM_STEP_NODELIST", environment["SLURM_JOB_NODELIST"])
        nodes = expand(given)
        tasks = int(environment.get("SLURM_STEP_NUM_TASKS", "1"))
        if tasks != len(nodes):
            raise Failed(
                2,
                f"{tasks} tasks on {len(nodes)} nodes ({given}): one task a node is needed, "
                "run it by srun --ntasks-per-node=1",
            )
        job_id = environment["SLURM_JOB_ID"]
        start = environment.get("SLURM_RESTART_COUNT", "0")
        key = f"{job_id}.{environment.get('SLURM_STEP_ID', 'batch')}.{start}"
        return cls(int(job_id), key, int(environment["SLURM_PROCID"]), nodes)


def expand(nodelist: str) -> tuple[str, ...]:
    """`node[1-2],gpu03` -> ("node1", "node2", "gpu03"), as `scontrol show hostnames` does.

    Done here because a container rarely holds scontrol.
    """
    names: list[str] = []
    for word in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", nodelist):
        parts = re.split(r"\[([^\]]*)\]", word)  # text, ranges, text, ranges, ..., text
        choices = [list(_numbers(p)) if i % 2 else [p] for i, p in enumerate(parts)]
        names += map("".join, itertools.product(*choices))
    return tuple(names)


def _numbers(ranges: str) -> Iterator[str]:
    for one in ranges.split(","):
        low, _, high = one.partition("-")
        for number in range(int(low), int(high or low) + 1):
            yield f"{number:0{len(low)}}"
