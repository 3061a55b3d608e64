"""Facts about the machine for the result files: device, processor, memory and versions; record.py
writes them, check.py reads them."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

SHOWN = ("torch", "vllm", "transformers", "verl", "ray", "triton", "flash-attn", "tensordict")
"""Packages whose versions belong to every number."""


@contextmanager
def nvml() -> Iterator[Any | None]:
    """The module pynvml, started; None where it, the driver or a device is missing."""
    try:
        pynvml: Any = import_module("pynvml")
        pynvml.nvmlInit()
    except Exception:
        # pynvml is absent, or any of NVML's errors: no library, no driver, no permission.
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def device_facts(on_gpu: bool) -> dict[str, Any]:
    """Device, driver, processors and memory; what is not known, or not asked for, is null."""
    facts: dict[str, Any] = dict.fromkeys(("name", "count", "memory_gb", "driver", "cuda"))
    if on_gpu:
        facts |= _gpu_facts()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return facts | {
        "cpus": len(os.sched_getaffinity(0)),
        "host_memory_gb": round(memory / 1e9, 1),
    }


def _gpu_facts() -> dict[str, Any]:
    """Of the first GPU, with how many there are; empty without NVML."""
    with nvml() as found:
        if found is None or not found.nvmlDeviceGetCount():
            return {}
        handle = found.nvmlDeviceGetHandleByIndex(0)
        cuda = found.nvmlSystemGetCudaDriverVersion()
        return {
            "name": text(found.nvmlDeviceGetName(handle)),
            "count": found.nvmlDeviceGetCount(),
            "memory_gb": round(found.nvmlDeviceGetMemoryInfo(handle).total / 1e9, 1),
            "driver": text(found.nvmlSystemGetDriverVersion()),
            "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}",
        }


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that decide speed and memory; null: not installed."""
    return {"python": platform.python_version(), **{name: installed(name) for name in SHOWN}}


def installed(package: str) -> str | None:
    """The version of a distribution, or null."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def text(value: str | bytes) -> str:
    """Older bindings of NVML give bytes."""
    return value.decode() if isinstance(value, bytes) else value
