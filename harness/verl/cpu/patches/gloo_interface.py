"""Patch of verl/utils/distributed.py:77, which starts gloo without saying over which interface.

Left alone, gloo takes the address that the host's own name resolves to. Many distributions resolve
it to a loopback address, and processes of several nodes then wait for each other in vain.
"""

import functools
import os
from types import ModuleType
from typing import Any

import ray

from harness.verl.cpu.interface import interface_of

VARIABLE = "GLOO_SOCKET_IFNAME"


def apply(module: ModuleType) -> None:
    """Let gloo take the interface that carries the address by which Ray knows this node."""
    initialize = module.initialize_global_process_group_ray

    @functools.wraps(initialize)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if name := interface_of(ray.util.get_node_ip_address()):
            os.environ.setdefault(VARIABLE, name)
        return initialize(*args, **kwargs)

    module.initialize_global_process_group_ray = wrapped  # type: ignore[attr-defined]
