"""What the user asks for, checked against the machine and settled in every detail."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import dataclass
from pathlib import Path

import config
import daemons
import nodes
import processes
import slots
from config import ClusterError, Settings

PATH_LIMIT = 80  # of 108 bytes for a Unix socket's whole path
ENDING_DEADLINE_S = 15.0


@dataclass(frozen=True)
class Request:
    """What the user asks for; None leaves the choice to what the machine can do."""

    folder: Path
    nodes: tuple[config.Node, ...]
    accounting: bool | None = None
    isolate: bool | None = None
    max_array_size: int = 1001
    lifetime_min: float = 180.0


def check_folder(folder: Path) -> None:
    """ClusterError where no cluster can be put there."""
    if len(os.fsencode(folder)) > PATH_LIMIT:
        raise ClusterError(f"{folder} is too long for Unix sockets; {PATH_LIMIT} bytes at most")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ClusterError(f"{folder} exists, and is no cluster's; name a new or empty folder")
    # Where a cluster's folder was removed by hand, its watchdog is about to end it.
    processes.wait_for(
        lambda: not processes.marked(folder), ENDING_DEADLINE_S, f"the former cluster of {folder}"
    )


def _choose(request: Request) -> tuple[bool, bool]:
    """Accounting and isolation, after a look at what is installed and allowed."""
    daemons.check_installed(daemons.CORE)
    if request.accounting:
        daemons.check_installed(daemons.ACCOUNTING)
    accounting = request.accounting
    if accounting is None:
        accounting = not daemons.missing(daemons.ACCOUNTING)
    isolated = request.isolate
    if isolated is None:
        isolated = nodes.isolation_works()
    elif isolated and not nodes.isolation_works():
        raise ClusterError(
            "isolated nodes need root and the right to make namespaces, mounts and network cards; "
            "use --isolate no"
        )
    return accounting, isolated


def settle(request: Request) -> tuple[Settings, socket.socket]:
    """All settings, and the socket that keeps the cluster's slot."""
    accounting, isolated = _choose(request)
    host = socket.gethostname()
    try:
        loopback_only = socket.gethostbyname(host) == "127.0.0.1"
    except OSError:
        loopback_only = False
    slot, held = slots.claim()
    settings = Settings(
        folder=request.folder,
        user=config.user_name(),
        host=host,
        slot=slot,
        nodes=request.nodes,
        accounting=accounting,
        isolated=isolated,
        # A cluster that counted from 1 again would meet the job folders of an earlier one.
        first_job_id=random.randrange(1000, 30_000_000),
        max_array_size=request.max_array_size,
        loopback_only=loopback_only,
    )
    return settings, held
