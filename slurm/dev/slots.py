"""Locks between clusters and their commands: abstract sockets, which the kernel frees by itself."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from config import ClusterError, bridge, ports

SLOTS = 250
LOCK_DEADLINE_S = 120.0


def _bind(name: str) -> socket.socket | None:
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0reprise-slurm:{name}")
    except OSError:
        held.close()
        return None
    return held


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """One command at a time may start or stop the cluster of a folder."""
    deadline = time.monotonic() + LOCK_DEADLINE_S
    while (held := _bind(str(folder))) is None:
        if time.monotonic() > deadline:
            raise ClusterError(f"another command has been at work on {folder} for two minutes")
        time.sleep(0.05)
    with held:
        yield


def claim() -> tuple[int, socket.socket]:
    """A free slot, chosen at random, and the socket that keeps it while anyone has it open."""
    cards = {name for _, name in socket.if_nameindex()}
    for slot in random.sample(range(SLOTS), SLOTS):
        held = _bind(f"slot {slot}")
        if held is None:
            continue
        if bridge(slot) not in cards and all(map(_port_is_free, ports(slot))):
            return slot, held
        held.close()
    raise ClusterError(f"none of the {SLOTS} slots for clusters is free on this machine")


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def listens(address: str | tuple[str, int]) -> bool:
    """Whether something answers there: a path is a Unix socket, a pair a TCP address and port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0
