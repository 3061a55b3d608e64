"""The part `check`: what this machine lacks for the other parts, and how to get it."""

import os
import platform
import re
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.gpu.attention_check import ALLOWED_ERROR, attention_errors
from bench.gpu.machine import installed, nvml, text
from bench.gpu.options import Options
from harness.paths import ROOT

PYTHONS = ("3.11", "3.12")
SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY_GB = 4.0
"""Weights go to the engine through a segment of 2 GiB, and Ray keeps its objects there."""
FREE_SHARE = 0.9
"""Of the GPU's memory; the engine takes its part of the whole and fails when others hold it."""
EXACT = ("verl", "torch", "vllm")
"""Packages whose other versions are no replacement; others are noted and tried."""
OPTIONAL = (
    "flashinfer-*", "nvidia-cutlass-dsl*", "quack-kernels", "tilelang", "humming-kernels",
    "tokenspeed-*", "fastsafetensors", "cuda-tile", "nvidia-cudnn-frontend", "nvidia-cuda-nvcc",
    "nvidia-cuda-crt", "nvidia-cuda-cccl", "nvidia-cuda-tileiras", "nvidia-nvvm",
)  # fmt: skip
"""What vLLM imports for other models, GPUs and precisions than those measured here; a gigabyte."""
PROCESSORS = 14
"""Ray waits for ever with fewer: verl keeps 13 for itself, and one must be left."""
FREE_DISK_GB = 40.0
"""A checkpoint of 0.5 B parameters and their critic takes 14 GB, and two may lie side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    name: str
    ok: bool
    found: str
    how: str = ""
    """How to get it, where it is missing."""
    noted: bool = False
    """Not as pinned, and no reason to stop."""


def measure(options: Options) -> dict[str, Any]:
    """Everything found; `missing` names what the other parts cannot do without."""
    profile = "gpu" if options.on_gpu else "cpu"
    findings = [_python(), *packages(_pins(profile), installed, profile), *_host(options)]
    device: dict[str, Any] = {"bf16_tflops": None}
    if options.on_gpu:
        findings += [*_driver(), *_compiler(), *_tried("torch on the GPU", lambda: _torch(device))]
    errors: dict[str, float] = {}
    findings += _tried("attention varlen", lambda: _attention(options, errors))
    _show([finding for finding in findings if not finding.ok])
    return {
        "looked_at": len(findings),
        "missing": [f"{f.name}: {f.found}" for f in findings if not f.ok],
        "notes": [f"{f.name}: {f.found}" for f in findings if f.noted],
        "device": device,
        "attention_relative_error": errors or None,
    }


def _show(missing: list[Finding]) -> None:
    """What is missing, and after all that have it in common the way to get it."""
    for how, group in groupby(missing, key=lambda finding: finding.how):
        for finding in group:
            print(f"missing: {finding.name}: {finding.found}")
        print(f"    {how}", flush=True)


def packages(
    pins: dict[str, str], version_of: Callable[[str], str | None], profile: str
) -> Iterator[Finding]:
    """Pinned packages that are absent or of another version, and a word on the rest.

    Args:
        pins: package -> version.
        version_of: what is installed, or None.
        profile: cpu or gpu.
    """
    how = f"make setup PROFILE={profile}, or without network: python -m bench.gpu.wheels"
    right = 0
    for name, wanted in pins.items():
        found = version_of(name)
        if found is None:
            spared = any(fnmatch(name, pattern) for pattern in OPTIONAL)
            absent = f"not installed ({wanted})"
            yield Finding(name=name, ok=spared, found=absent, how=how, noted=spared)
        elif found.partition("+")[0] != wanted.partition("+")[0]:
            other = f"{found} instead of {wanted}"
            tried = name not in EXACT
            yield Finding(name=name, ok=tried, found=other, how=how, noted=tried)
        else:
            right += 1
    yield Finding(name="packages", ok=True, found=f"{right} of {len(pins)} as pinned")


def pinned(lines: str) -> dict[str, str]:
    """Package -> version of a requirements file that pins with `==`."""
    found = re.findall(r"^([\w.-]+)==([^\s;#]+)", lines, re.MULTILINE)
    return {name.lower(): version for name, version in found}


def _pins(profile: str) -> dict[str, str]:
    return pinned((ROOT / ".ci" / "pins" / f"{profile}.txt").read_text())


def _python() -> Finding:
    version = platform.python_version()
    return Finding(
        name="Python",
        ok=version.rpartition(".")[0] in PYTHONS,
        found=version,
        how=f"install Python {' or '.join(PYTHONS)} and make setup PYTHON=<it>",
    )


def _host(options: Options) -> Iterator[Finding]:
    """Shared memory, processors and disk."""
    total = shutil.disk_usage(SHARED_MEMORY).total / 1e9 if SHARED_MEMORY.is_dir() else 0.0
    yield Finding(
        name=str(SHARED_MEMORY),
        ok=total >= SHARED_MEMORY_GB,
        found=f"{total:.1f} GB (at least {SHARED_MEMORY_GB:g})",
        how="mount -o remount,size=16G /dev/shm, or docker run --shm-size=16g",
    )
    processors = len(os.sched_getaffinity(0))
    yield Finding(
        name="processors",
        ok=processors >= PROCESSORS or not options.on_gpu,
        found=f"{processors} (at least {PROCESSORS} beside a GPU)",
        how="take a machine with more, or start Ray with more than there are",
    )
    options.scratch.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.scratch).free / 1e9
    yield Finding(
        name="disk",
        ok=free >= FREE_DISK_GB or not options.on_gpu,
        found=f"{free:.0f} GB free in {options.scratch} (at least {FREE_DISK_GB:g})",
        how="--scratch=<a folder on a larger disk>",
    )


def _driver() -> Iterator[Finding]:
    """The driver, the GPU and its free memory, by NVML."""
    how = "install NVIDIA's driver and nvidia-ml-py; in a container: docker run --gpus all"
    with nvml() as found:
        if found is None or not found.nvmlDeviceGetCount():
            yield Finding(name="NVML", ok=False, found="no GPU is seen through it", how=how)
            return
        handle = found.nvmlDeviceGetHandleByIndex(0)
        memory = found.nvmlDeviceGetMemoryInfo(handle)
        name, driver = found.nvmlDeviceGetName(handle), found.nvmlSystemGetDriverVersion()
        yield Finding(name="GPU", ok=True, found=f"{text(name)}, driver {text(driver)}")
        yield Finding(
            name="free GPU memory",
            ok=memory.free >= FREE_SHARE * memory.total,
            found=f"{memory.free / 1e9:.1f} of {memory.total / 1e9:.1f} GB",
            how="end the processes that nvidia-smi shows",
        )


def _compiler() -> Iterator[Finding]:
    """What Triton builds the launchers of its kernels with; nvcc is not needed."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    yield Finding(
        name="C compiler",
        ok=compiler is not None,
        found=compiler or "none (Triton's kernels need one)",
        how="apt-get install gcc",
    )
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    yield Finding(
        name="Python.h",
        ok=header.is_file(),
        found=str(header),
        how=f"apt-get install python{platform.python_version().rpartition('.')[0]}-dev",
    )


def _tried(name: str, look: Callable[[], Finding]) -> Iterator[Finding]:
    """A look that may fail of anything: a missing package, a kernel, a driver."""
    try:
        yield look()
    except Exception as error:
        line = str(error).strip().partition("\n")[0]
        how = "the error is the library's: packages and driver must fit each other"
        yield Finding(name=name, ok=False, found=f"{type(error).__name__}: {line}", how=how)


def _torch(device: dict[str, Any]) -> Finding:
    """A product in bf16, and its speed."""
    import torch

    if not torch.cuda.is_available():
        how = "install the CUDA build of torch that .ci/pins/gpu.txt names, for this driver"
        found = f"torch {torch.__version__} sees no GPU"
        return Finding(name="torch on the GPU", ok=False, found=found, how=how)
    size, times = 8192, 20
    left = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    event: Any = torch.cuda.Event
    begin, end = event(enable_timing=True), event(enable_timing=True)
    for repeat in range(times + 3):
        if repeat == 3:
            begin.record()
        product = left @ left
    end.record()
    torch.cuda.synchronize()
    device["bf16_tflops"] = 2 * size**3 * times / (begin.elapsed_time(end) / 1000) / 1e12
    exact = left[:64].float() @ left.float()
    error = float((product[:64].float() - exact).norm() / exact.norm())
    return Finding(
        name="torch on the GPU",
        ok=error <= ALLOWED_ERROR,
        found=f"bf16 product with relative error {error:.1e}, {device['bf16_tflops']:.0f} TFLOP/s",
        how="torch's build does not fit this GPU: install the one that .ci/pins/gpu.txt names",
    )


def _attention(options: Options, errors: dict[str, float]) -> Finding:
    errors |= attention_errors("cuda" if options.on_gpu else "cpu")
    worst = max(errors, key=lambda name: errors[name])
    return Finding(
        name="attention varlen",
        ok=errors[worst] <= ALLOWED_ERROR,
        found=f"relative error of {worst} {errors[worst]:.1e} (at most {ALLOWED_ERROR:g})",
        how="do not train with it: hardware.attention=sdpa hardware.remove_padding=false",
    )
