"""Starting, checking and stopping a whole cluster; cluster.py is its command line."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import config
import daemons
import nodes
import processes
import slots
from config import ClusterError, Settings

PATH_LIMIT = 80  # of 108 bytes for a Unix socket's whole path
WATCH_EVERY_S = 5.0
CLUSTER = Path(__file__).with_name("cluster.py")


@dataclass(frozen=True)
class Request:
    """What the user asks for; None leaves the choice to what the machine can do."""

    folder: Path
    nodes: tuple[config.Node, ...]
    accounting: bool | None = None
    isolate: bool | None = None
    max_array_size: int = 1001
    lifetime_min: float = 180.0


def load(folder: Path) -> Settings | None:
    """The cluster that owns the folder, up or not; None where there is none."""
    try:
        settings = config.from_json((folder / "cluster.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if settings.user != config.user_name():
        raise ClusterError(f"the cluster in {folder} belongs to {settings.user}; act as that user")
    return settings


def require(folder: Path) -> Settings:
    """The cluster of the folder; ClusterError where it is not up."""
    settings = load(folder)
    if settings is None or not daemons.all_live(settings):
        raise ClusterError(f"no cluster is up in {folder}; `start --folder {folder}` starts one")
    return settings


def start(request: Request) -> bool:
    """Start the cluster; False where it was up already and only its lifetime begins anew."""
    with slots.folder_lock(request.folder):
        there = load(request.folder)
        if there is not None and daemons.all_live(there):
            _check_same(there, request)
            _set_deadline(request.folder, request.lifetime_min)
            return False
        if there is not None:
            end(there)
        _check_folder(request.folder)
        settings, held = _settle(request)
        with held:
            _bring_up(settings, held, request.lifetime_min)
        return True


def _bring_up(settings: Settings, held: socket.socket, lifetime_min: float) -> None:
    """Everything but the choice of the settings; on failure nothing stays."""
    try:
        daemons.write_files(settings)
        _set_deadline(settings.folder, lifetime_min)
        _start_watchdog(settings, held)
        if settings.isolated:
            nodes.add_bridge(settings)
        daemons.bring_up(settings)
    except BaseException as error:
        logs = daemons.last_lines(settings)
        end(settings)
        if isinstance(error, ClusterError):
            raise ClusterError(f"{error}\n{logs}") from error
        raise


def _check_same(there: Settings, request: Request) -> None:
    """An answer of "it is up" must not hide that another cluster was asked for."""
    differing = [
        what
        for what, has, wanted in (
            ("--nodes", there.nodes, request.nodes),
            ("--accounting", there.accounting, request.accounting),
            ("--isolate", there.isolated, request.isolate),
            ("--max-array-size", there.max_array_size, request.max_array_size),
        )
        if wanted is not None and has != wanted
    ]
    if differing:
        raise ClusterError(
            f"the cluster in {there.folder} is up with another {', '.join(differing)}; "
            "stop it first, or choose another --folder"
        )


def _check_folder(folder: Path) -> None:
    if len(os.fsencode(folder)) > PATH_LIMIT:
        raise ClusterError(
            f"{folder} is too long for a Unix socket; use {PATH_LIMIT} bytes at most"
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ClusterError(
            f"{folder} exists, and no cluster owns it; name an empty or a new folder"
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


def _settle(request: Request) -> tuple[Settings, socket.socket]:
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


def _set_deadline(folder: Path, lifetime_min: float) -> None:
    deadline = time.time() + 60 * lifetime_min
    (folder / "deadline").write_text(f"{deadline}\n", encoding="utf-8")


def _start_watchdog(settings: Settings, held: socket.socket) -> None:
    """It ends a forgotten cluster, and keeps the slot for as long as it lives."""
    command = [sys.executable, "-S", str(CLUSTER), "watch", "--folder", str(settings.folder)]
    processes.launch(settings.folder, "watchdog", command, pass_fds=[held.fileno()])


def watch(folder: Path) -> None:
    """Wait for the deadline, which each `start` renews, or for the folder to vanish; then stop."""
    settings = load(folder)
    if settings is None:
        return
    try:
        while (left := float((folder / "deadline").read_text(encoding="utf-8")) - time.time()) > 0:
            time.sleep(min(left, WATCH_EVERY_S))
    except FileNotFoundError:
        pass
    with slots.folder_lock(folder):
        end(settings)


def stop(folder: Path) -> None:
    """End the cluster and remove its folder; nothing to do where there is none."""
    with slots.folder_lock(folder):
        settings = load(folder)
        if settings is not None:
            end(settings)
        elif folder.exists() and any(folder.iterdir()):
            raise ClusterError(f"{folder} holds no cluster, so nothing in it is touched")


def end(settings: Settings) -> None:
    """End all processes, then remove the network and the folder."""
    for node in settings.nodes:
        nodes.end(settings, node.name)
    for name in processes.names(settings.folder):
        if processes.find(settings.folder, name) != os.getpid():  # the watchdog ends itself last
            processes.end(settings.folder, name)
    processes.end_all(lambda: processes.marked(settings.folder))
    if settings.isolated:
        nodes.remove_bridge(settings)
    if settings.folder.exists():
        shutil.rmtree(settings.folder)


def crash(folder: Path, node: str) -> None:
    """Kill the node with all that runs on it; SLURM is told, or would need half a minute."""
    settings = require(folder)
    settings.number(node)
    with slots.folder_lock(folder):
        nodes.end(settings, node)
        down = ("update", f"nodename={node}", "state=DOWN", "reason=crashed")
        daemons.client(settings, "scontrol", *down)


def revive(folder: Path, node: str) -> None:
    """Bring a crashed node back; nothing to do where it is up."""
    settings = require(folder)
    settings.number(node)
    with slots.folder_lock(folder):
        if processes.find(folder, nodes.daemon(node)) is None:
            nodes.end(settings, node)
            nodes.start(settings, [node])
        daemons.wait_for_nodes(settings, [node])


def run(request: Request, words: list[str]) -> int:
    """Run a command against the cluster; one that was not up is started, and stopped after it."""
    started = start(request)
    try:
        code = subprocess.run(words, env=processes.environment(request.folder)).returncode
    except OSError as error:
        raise ClusterError(f"{words[0]} cannot be run: {error.strerror}") from error
    finally:
        if started:
            stop(request.folder)
    return code if code >= 0 else 128 - code
