"""Ray on this node: its address, its ports, its GPUs, and the `ray start` that holds it."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from .failure import NOT_ALL_UP, Failed
from .journal import Journal
from .options import Options
from .processes import spawn
from .rendezvous import Address
from .step import Step

EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def start(
    step: Step, options: Options, journal: Journal, head: Address, host: str, scratch: Path
) -> subprocess.Popen[bytes]:
    """Starts Ray on this node; the child lives as long as all of this node's Ray does.

    Raises Failed when this node has fewer GPUs than asked.
    """
    check_gpus(step.node, options.gpus_per_node)
    cpus = options.cpus_per_node or int(os.environ.get("SLURM_CPUS_ON_NODE", "1"))
    bound = len(os.sched_getaffinity(0))
    if bound < cpus:
        journal.say(
            f"Ray is told of {cpus} CPUs, this task is bound to {bound}: give srun --cpus-per-task"
        )
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
    command += ["--node-ip-address", host, "--node-name", step.node, "--log-color", "false"]
    # Without it a worker makes the head's folder, by the same name, on its own node.
    command += ["--temp-dir", str(scratch)]
    command += ["--num-cpus", str(cpus), "--num-gpus", str(options.gpus_per_node)]
    # But for the ports of free_ports(), the kernel chooses (0), so that no two jobs collide; Ray's
    # own defaults are one fixed port and the fixed range 10002-19999 for workers.
    command += ["--dashboard-agent-listen-port", "0"]
    command += ["--min-worker-port", "0", "--max-worker-port", "0"]
    if options.object_store_gb is not None:
        command += ["--object-store-memory", str(int(options.object_store_gb * 1e9))]
    if step.rank == 0:
        command += ["--head", "--port", str(head.port), "--include-dashboard", "false"]
        if find_spec("grpc"):  # then Ray starts its client server, whose port has a fixed default
            command += ["--ray-client-server-port", str(head.port + 1)]
    else:
        command += ["--address", f"{head.host}:{head.port}"]
    return spawn(command, environment(head, scratch), journal.file)


def environment(head: Address, scratch: Path) -> dict[str, str]:
    """This process's environment with what Ray's own processes and its drivers need."""
    kept = {k: v for k, v in os.environ.items() if k not in ("RAY_ADDRESS", "RAY_AUTH_TOKEN_PATH")}
    return kept | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": head.token,
        "RAY_TMPDIR": str(scratch),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def own_address(peer: str | None) -> str:
    """This node's IPv4 address on the way to `peer`; loopback when there is no other node."""
    if peer is None:
        return "127.0.0.1"
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, 9))  # sends nothing: it only asks the routing table
            return str(probe.getsockname()[0])
    except OSError as error:
        raise Failed(
            NOT_ALL_UP,
            f"this node has no IPv4 route to {peer} ({error}): node names must resolve on every "
            "node, as in `getent ahostsv4 NAME`",
        ) from error


def free_ports(job_id: int) -> int:
    """A port of which it and the next are free here: for the head, and for Ray's client server."""
    low, high = map(int, EPHEMERAL_PORTS.read_text().split())
    for port in candidates(job_id, low, high):
        if is_free(port) and is_free(port + 1):
            return port
    raise Failed(NOT_ALL_UP, f"no two neighbouring ports are free outside {low}-{high}")


def candidates(job_id: int, low: int, high: int) -> Iterator[int]:
    """Even ports outside the ephemeral range low..high, in an order that the job id decides.

    Inside that range any outgoing connection may hold the port at that moment.
    """
    below, above = range(10240, min(low, 65535) - 1, 2), range(high + 2 - high % 2, 65535, 2)
    ports = max(below, above, key=len)
    for i in range(len(ports)):
        yield ports[(job_id + i) % len(ports)]


def is_free(port: int) -> bool:
    """Whether a server could bind it now, on every address of this node."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def answers(host: str, port: int, timeout_s: float = 3.0) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError:
        return False
    return True


def check_gpus(node: str, wanted: int) -> None:
    """Ray believes --num-gpus, so a dead GPU is only seen by asking the driver of the cards."""
    tool = shutil.which("nvidia-smi")
    if not wanted or tool is None:
        return
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise Failed(NOT_ALL_UP, f"nvidia-smi hangs on {node}") from error
    seen = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    if seen < wanted:
        said = (listed.stdout + listed.stderr).strip()
        raise Failed(
            NOT_ALL_UP, f"{node} has {seen} working GPUs, {wanted} are asked; nvidia-smi:\n{said}"
        )
