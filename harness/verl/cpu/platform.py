"""The CPU as a verl platform; registered by registration.py and asked by all of verl.

verl schedules its workers on "GPUs" only (single_controller/ray/base.py:226 counts GPU and NPU),
so a training process takes one *logical* Ray GPU: start Ray with num_gpus = processes.
"""

import contextlib
import os
import resource
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from verl.plugin.platform import PlatformBase


def _peak_memory(*_: Any, **__: Any) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _memory_info(*_: Any) -> tuple[int, int]:
    """Free and total bytes of the machine, as torch.cuda.mem_get_info gives them."""
    page = os.sysconf("SC_PAGE_SIZE")
    return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _device_module() -> ModuleType:
    """torch.cpu and the calls on torch.<device> that verl makes and torch.cpu lacks."""
    module = ModuleType("harness_cpu_device")
    members: dict[str, Any] = {name: getattr(torch.cpu, name) for name in torch.cpu.__all__}
    members |= dict.fromkeys(
        ("empty_cache", "ipc_collect", "reset_peak_memory_stats", "set_device", "synchronize"),
        _nothing,
    )
    # There is no device memory; the resident set is what a reader of these metrics wants to know.
    members |= dict.fromkeys(
        ("max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved"),
        _peak_memory,
    )
    members |= {
        "device_count": lambda: 1,
        "mem_get_info": _memory_info,
        "get_device_name": lambda *_: "cpu",
        "get_rng_state": lambda *_: torch.get_rng_state(),
        "set_rng_state": lambda state, *_: torch.set_rng_state(state),
        "manual_seed": torch.manual_seed,
        "manual_seed_all": torch.manual_seed,
    }
    vars(module).update(members)
    return module


class CPUPlatform(PlatformBase):  # type: ignore[misc]
    """One CPU device, gloo for communication, no device memory to manage."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = _device_module()

    def is_available(self) -> bool:
        """Always: there is no machine without a CPU."""
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:
        """Never by detection: only VERL_PLATFORM=cpu selects this platform."""
        return False

    def current_device(self) -> str:
        """What verl hands to Tensor.to and device_id=; torch reads an index as a GPU."""
        return "cpu"

    def device_count(self) -> int:
        """One per process."""
        return 1

    def set_device(self, device_index: int) -> None:
        """Nothing to select."""

    def synchronize(self, device_index: int | None = None) -> None:
        """CPU work is synchronous."""

    def manual_seed(self, seed: int) -> None:
        """Seed torch."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Seed torch."""
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """No caching allocator."""

    def empty_cache(self) -> None:
        """No caching allocator."""

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        """A CUDA notion."""
        return None, None

    def communication_backend_name(self) -> str:
        """The only torch.distributed backend for CPU tensors."""
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """A name nothing else reads."""
        return "VERL_CPU_VISIBLE_DEVICES"

    @contextlib.contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        """No device profiler."""
        yield

    def profiler_start(self) -> None:
        """No device profiler."""

    def profiler_stop(self) -> None:
        """No device profiler."""

    def ray_resource_name(self) -> str:
        """The resource verl counts (see the top of this file)."""
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        """Keep Ray from touching CUDA_VISIBLE_DEVICES for the logical GPU."""
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        """Weights travel through Ray's object store."""
        return False

    def cudart(self) -> None:
        """No CUDA."""
        return None
