"""Patch of verl/utils/distributed.py:63 and :89, which build the backend "cpu:gloo,cpu:gloo".

verl names one backend for the CPU and one for the device; when the device is the CPU, torch
refuses the duplicate ("Duplicate device type cpu in backend string").
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import torch.distributed


def _with_one_backend(initialize: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(initialize)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        real: Any = torch.distributed.init_process_group

        def init_process_group(**kwargs: Any) -> None:
            backends = dict.fromkeys(kwargs.pop("backend").split(","))
            real(backend=",".join(backends), **kwargs)

        with mock.patch.object(torch.distributed, "init_process_group", init_process_group):
            return initialize(*args, **kwargs)

    return wrapped


def apply(module: ModuleType) -> None:
    """Drop the repeated backend in both of verl's initialisers."""
    for name in ("initialize_global_process_group", "initialize_global_process_group_ray"):
        setattr(module, name, _with_one_backend(getattr(module, name)))
