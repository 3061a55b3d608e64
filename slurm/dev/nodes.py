"""Nodes: Linux namespaces on a private bridge where that is allowed, else bare processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import processes
from config import ClusterError, Node, Settings, bridge

INIT = Path(__file__).with_name("node_init.py")
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--fork")


def isolation_works() -> bool:
    """Whether this user may make namespaces, mounts and network cards; tried, in namespaces."""
    trial = (
        "mount --bind /etc/hosts /etc/hosts && mount -t tmpfs tmpfs /dev/shm"
        " && ip link add trial0 type bridge && ip link add trial1 type veth peer name trial2"
    )
    command = ["unshare", *NAMESPACES, "--mount-proc", "sh", "-c", trial]
    return os.geteuid() == 0 and _quietly(command)


def _quietly(command: Sequence[str]) -> bool:
    path = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PATH": path})
    return done.returncode == 0


def _ip(words: str) -> bool:
    return _quietly(["ip", *words.split()])


def _card(settings: Settings, node: str) -> str:
    return f"{bridge(settings.slot)}n{settings.number(node)}"


def add_bridge(settings: Settings) -> None:
    """Make the cluster's network; it leads nowhere else."""
    name, address = bridge(settings.slot), f"{settings.controller_address}/24"
    if not (
        _ip(f"link add name {name} type bridge")
        and _ip(f"addr add {address} dev {name}")
        and _ip(f"link set {name} up")
    ):
        raise ClusterError(f"the bridge {name} could not be made with the address {address}")


def remove_bridge(settings: Settings) -> None:
    _ip(f"link del {bridge(settings.slot)}")


def devices(settings: Settings, node: Node) -> list[str]:
    """A character device for each GPU that is not there; SLURM numbers them and opens none.

    Copies of /dev/null where mknod is allowed, else any devices that the machine has.
    """
    folder = settings.device_folder(node.name)
    folder.mkdir(parents=True)
    made = [folder / f"gpu{i}" for i in range(node.gpus)]
    try:
        for path in made:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        made = sorted(path for path in Path("/dev").rglob("*") if path.is_char_device())
    if len(made) < node.gpus:
        raise ClusterError(
            f"{node.name} has {node.gpus} GPUs, and /dev has only {len(made)} devices to stand for "
            "them; ask for fewer, or start as root"
        )
    return [str(path) for path in made[: node.gpus]]


def daemon(node: str) -> str:
    return f"slurmd-{node}"


def start(settings: Settings, names: Sequence[str]) -> None:
    """Start slurmd on those nodes; they register with the controller by themselves."""
    for node in names:
        _launch(settings, node)
    if settings.isolated:
        for node in names:
            _connect(settings, node)


def _launch(settings: Settings, node: str) -> None:
    slurmd = ["slurmd", "-D", "-N", node, "-f", str(settings.folder / "slurm.conf")]
    if settings.isolated:
        slurmd = [
            *("unshare", *NAMESPACES, "--kill-child", "--mount-proc"),
            *(sys.executable, "-I", "-S", str(INIT)),
            *(node, str(settings.folder / "hosts"), settings.address(node), *slurmd),
        ]
    processes.launch(settings.folder, daemon(node), slurmd)


def _connect(settings: Settings, node: str) -> None:
    """Give the node its eth0, once it has a network namespace of its own."""
    pid = processes.find(settings.folder, daemon(node))
    if pid is None:
        raise ClusterError(f"{node} ended at once; see {settings.folder}/log")
    ours = os.readlink("/proc/self/ns/net")

    def unshared() -> bool:
        return os.readlink(f"/proc/{pid}/ns/net") != ours

    processes.wait_for(unshared, 10, f"the network of {node}")
    card = _card(settings, node)
    added = _ip(f"link add name {card} type veth peer name eth0 netns {pid}")
    if not (added and _ip(f"link set {card} master {bridge(settings.slot)} up")):
        raise ClusterError(f"{node} could not be given a network card")


def end(settings: Settings, node: str) -> None:
    """Kill the node with all that runs on it, as a loss of power would."""
    if settings.isolated:
        _end_isolated(settings, node)
    else:
        processes.end_all(lambda: _bare_processes(settings, node))
        processes.end(settings.folder, daemon(node))


def _end_isolated(settings: Settings, node: str) -> None:
    outer = processes.find(settings.folder, daemon(node))
    inits = [p for p in processes.everything().values() if outer is not None and p.parent == outer]
    processes.end(settings.folder, daemon(node))

    def gone() -> bool:
        """The kernel ends a namespace's processes before its process 1 is gone."""
        return all(processes.read(init.pid) is None for init in inits)

    processes.wait_for(gone, processes.KILL_DEADLINE_S, f"the end of {node}")
    _ip(f"link del {_card(settings, node)}")


def _bare_processes(settings: Settings, node: str) -> set[int]:
    """slurmd, its steps, and what they started, whether or not it left their process tree."""
    known = processes.everything()
    mark = f"{processes.MARKER}={settings.folder}:{daemon(node)}"  # slurmstepd inherits it
    job = {f"SLURM_CONF={settings.folder}/slurm.conf", f"SLURMD_NODENAME={node}"}
    words = {pid: processes.variables(pid) for pid in known}
    roots = {pid for pid, found in words.items() if mark in found or job <= found}
    return processes.descendants(roots, known) - {os.getpid()}


def mount_namespace(settings: Settings, node: str) -> list[str]:
    """The words that run a command among the mounts of a node that is up."""
    settings.number(node)
    if not settings.isolated:
        raise ClusterError(
            "bare nodes see the machine's own folders; `hide` needs isolated nodes: start the "
            "cluster as root with --isolate yes"
        )
    pid = processes.find(settings.folder, daemon(node))
    if pid is None:
        raise ClusterError(f"{node} is down; `revive {node}` brings it back")
    return ["nsenter", f"--mount=/proc/{pid}/ns/mnt"]


def hide(settings: Settings, node: str, path: Path) -> None:
    """Mount an empty folder over `path`, until the node is crashed and revived."""
    enter = mount_namespace(settings, node)
    if settings.folder.is_relative_to(path):
        raise ClusterError(f"{path} holds the cluster's own folder, which every node has to see")
    command = [*enter, "mount", "-t", "tmpfs", "tmpfs", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ClusterError(f"{path} cannot be hidden from {node}: {done.stderr.strip()}")
