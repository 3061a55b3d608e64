"""Which nodes Ray has, for task 0: keeps a child that asks Ray, and reads what it wrote."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import IO

from . import raynode
from .processes import spawn
from .rendezvous import Address

SCRIPT = Path(__file__).with_name("watch.py")


@dataclass(frozen=True)
class RayNode:
    """One live node: its GPUs as Ray counts them, and where its raylet listens."""

    gpus: float
    host: str
    port: int


class Watcher:
    """A child of its own, because joining Ray would tie this process's fate to Ray's."""

    def __init__(self, expected: int, head: Address, scratch: Path, output: IO[bytes]) -> None:
        self._file = scratch / "nodes.json"
        place = [str(self._file), str(expected), head.host, str(head.port)]
        # -P: the names of this package's modules must not hide others from Ray.
        self._command = [sys.executable, "-P", str(SCRIPT), *place]
        self._environment = raynode.environment(head, scratch)
        self._output = output
        self._child: Popen[bytes] | None = None

    def nodes(self) -> dict[str, RayNode]:
        """Node name -> node, as of the child's last look; empty before the first."""
        if self._child is None or self._child.poll() is not None:
            self._child = spawn(self._command, self._environment, self._output)
        if not self._file.exists():
            return {}
        found = json.loads(self._file.read_text())
        return {name: RayNode(**node) for name, node in found.items()}
