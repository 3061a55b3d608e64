"""Which network interface carries a node's address; gloo is told before processes meet."""

import fcntl
import socket
import struct

SIOCGIFADDR = 0x8915
NAME_BYTES = 16
"""Length of struct ifreq's name; the address follows after a family and a port of 2 bytes each."""


def addresses() -> dict[str, str]:
    """Interface -> IPv4 address, for those of this machine that have one."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode())
            try:
                answer = fcntl.ioctl(asker, SIOCGIFADDR, request)
            except OSError:
                continue  # it has no IPv4 address
            found[name] = socket.inet_ntoa(answer[NAME_BYTES + 4 : NAME_BYTES + 8])
    return found


def interface_of(address: str) -> str | None:
    """The interface with this address; None where no interface has it."""
    return next((name for name, own in addresses().items() if own == address), None)
