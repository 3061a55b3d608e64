"""What the command line asks for, as main.py read it; the head and the workers read it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Sizes are for one node; times in seconds; the object store in GB (10^9 bytes)."""

    logs: Path
    gpus_per_node: int
    cpus_per_node: int | None
    object_store_gb: float | None
    deadline_s: float
    grace_s: float
    driver: tuple[str, ...]
