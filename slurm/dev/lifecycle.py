"""Starting, checking and stopping a whole cluster; cluster.py is its command line."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import config
import daemons
import nodes
import processes
import slots
from config import ClusterError, Settings
from request import Request, check_folder, settle

WATCH_EVERY_S = 5.0
CLUSTER = Path(__file__).with_name("cluster.py")


def load(folder: Path) -> Settings | None:
    """The cluster that owns the folder, up or not; None where there is none."""
    try:
        settings = config.from_json((folder / "cluster.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if settings.user != config.user_name():
        raise ClusterError(f"the cluster in {folder} belongs to {settings.user}; act as that user")
    return settings


def is_up(settings: Settings) -> bool:
    """Whether a start has come to its end, and all that it started lives (but perhaps nodes)."""
    return (settings.folder / "ready").exists() and daemons.all_live(settings)


def require(folder: Path) -> Settings:
    """The cluster of the folder; ClusterError where it is not up."""
    settings = load(folder)
    if settings is None or not is_up(settings):
        raise ClusterError(f"no cluster is up in {folder}; `start --folder {folder}` starts one")
    return settings


def start(request: Request) -> bool:
    """Start the cluster; False where it was up already and only its lifetime begins anew."""
    with slots.folder_lock(request.folder):
        there = load(request.folder)
        if there is not None and is_up(there):
            _check_same(there, request)
            _set_deadline(request.folder, request.lifetime_min)
            return False
        if there is not None:
            end(there)
        check_folder(request.folder)
        settings, held = settle(request)
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
        (settings.folder / "ready").touch()
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
    while True:
        time.sleep(max(0.0, min(_left_s(folder), WATCH_EVERY_S)))
        if _left_s(folder) <= 0:
            with slots.folder_lock(folder):
                if _left_s(folder) <= 0:
                    end(settings)
                    return


def _left_s(folder: Path) -> float:
    """Seconds until the deadline; none where the folder has vanished."""
    try:
        return float((folder / "deadline").read_text(encoding="utf-8")) - time.time()
    except (FileNotFoundError, NotADirectoryError):
        return 0.0


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
