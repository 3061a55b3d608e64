"""Process 1 of an isolated node: gives it a name, hosts and a network, then runs slurmd.

nodes.py starts it in fresh namespaces as node_init.py NAME HOSTS ADDRESS COMMAND...; the node dies
with it, and it ends when slurmd does.
"""

import os
import socket
import subprocess
import sys
import time

NETWORK_DEADLINE_S = 20.0


def wait_for_card() -> None:
    """The other side gives the node its eth0."""
    deadline = time.monotonic() + NETWORK_DEADLINE_S
    while "eth0" not in (name for _, name in socket.if_nameindex()):
        if time.monotonic() > deadline:
            sys.exit("no network card was given to this node")
        time.sleep(0.01)


def main(name: str, hosts: str, address: str, *command: str) -> int:
    socket.sethostname(name)
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    # Shared memory of its own: it goes with the node, as that of a real one does.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm"], check=True)
    wait_for_card()
    setup = f"link set lo up\nlink set eth0 up\naddr add {address}/24 dev eth0\n"
    subprocess.run(["ip", "-batch", "-"], input=setup, text=True, check=True)
    slurmd = os.posix_spawnp(command[0], command, os.environ)
    while True:  # orphans of the whole node are handed to process 1
        pid, status = os.wait()
        if pid == slurmd:
            return os.waitstatus_to_exitcode(status) & 255


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
