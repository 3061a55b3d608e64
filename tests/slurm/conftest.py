"""The development cluster as a fixture: one a session, started where it is first asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DEV = Path(__file__).resolve().parents[2] / "slurm/dev"
NODES = ("a800:4", "a800:4", "cpu")
LIFETIME_MIN = "120"
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Cluster:
    """A real SLURM that is up: nodes node1 and node2 with four GPUs each, node3 with none."""

    folder: Path

    @property
    def slurm_conf(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def isolated(self) -> bool:
        """Whether each node has its own hostname, address and process table."""
        return "SlurmctldHost=ctl(" in self.slurm_conf.read_text(encoding="utf-8")

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command against this cluster; its standard output."""
        environment = os.environ | {"SLURM_CONF": str(self.slurm_conf)}
        return _run(words, environment, check)

    def crash(self, node: str) -> None:
        """Kill a node with all that runs on it."""
        dev_cluster("crash", "--folder", str(self.folder), node)

    def revive(self, node: str) -> None:
        """Bring a crashed node back; returns once it takes jobs."""
        dev_cluster("revive", "--folder", str(self.folder), node)

    def hide(self, node: str, path: Path) -> None:
        """Let a node see an empty folder at `path`, until it is crashed and revived."""
        dev_cluster("hide", "--folder", str(self.folder), node, str(path))


def dev_cluster(*words: str, check: bool = True) -> str:
    """Run the command line of the development cluster; its standard output."""
    return _run((sys.executable, str(DEV / "cluster.py"), *words), dict(os.environ), check)


def _run(words: tuple[str, ...], environment: dict[str, str], check: bool) -> str:
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    if check and done.returncode != 0:
        raise AssertionError(f"{words} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


@pytest.fixture(scope="session")
def slurm_installed() -> None:
    """Installs the packages where that needs no password; skips where it cannot be done."""
    done = subprocess.run([DEV / "install.sh"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"SLURM is not installed and cannot be: {done.stderr.strip()}")


def _started(*options: str) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="reprise-slurm-", dir="/tmp"))
    words = ("--folder", str(folder), "--lifetime-min", LIFETIME_MIN, "--nodes", *NODES)
    dev_cluster("start", *words, *options)
    try:
        yield Cluster(folder)
    finally:
        dev_cluster("stop", "--folder", str(folder))


@pytest.fixture(scope="session")
def cluster(slurm_installed: None) -> Iterator[Cluster]:
    """A cluster with accounting; SLURM_CONF points to it for the rest of the session."""
    with pytest.MonkeyPatch.context() as patch:
        for started in _started("--accounting", "yes"):
            patch.setenv("SLURM_CONF", str(started.slurm_conf))
            yield started


@pytest.fixture(scope="session")
def _without_accounting(slurm_installed: None) -> Iterator[Cluster]:
    yield from _started("--accounting", "no")


@pytest.fixture
def cluster_without_accounting(
    _without_accounting: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Cluster:
    """A cluster in which sacct knows nothing; SLURM_CONF points to it during the test."""
    monkeypatch.setenv("SLURM_CONF", str(_without_accounting.slurm_conf))
    return _without_accounting
