"""Used memory of the GPUs, sampled while a run goes on, and its peak in each phase; the training
measurement holds the peaks against the plan."""

import os
from collections.abc import Mapping, Sequence
from threading import Event, Thread
from time import time
from types import TracebackType
from typing import Any

from bench.gpu.machine import nvml
from bench.gpu.phases import Mark

INTERVAL_S = 0.02

Sample = tuple[float, float]
"""time.time(), and used GB (1e9 bytes) of the GPU that uses most."""

PLANNED = {
    "generate": ("gen",),
    "log_probs": ("old_log_prob", "ref", "values"),
    "update_critic": ("update_critic",),
    "update": ("update_actor",),
    "sync": ("update_weights",),
    "save": ("save_checkpoint",),
}
"""Phase of the plan -> verl's timers."""
WITH_CACHE = "sync"
"""verl's timer of this phase ends when the engine's KV cache is back, as in `generate`."""
BUDGET = 0.15
"""How far a measured peak may be from the planned one."""


class DeviceMemory:
    """Samples in a thread of its own for as long as it is open; no samples without NVML."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._stop = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "DeviceMemory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        with nvml() as found:
            devices = _handles(found) if found else []
            while devices and not self._stop.wait(INTERVAL_S):
                self.samples.append((time(), _used_gb(found, devices)))


def idle_gb() -> float | None:
    """What is used now, before a run: the driver's share; null without NVML."""
    with nvml() as found:
        devices = _handles(found) if found else []
        return _used_gb(found, devices) if devices else None


def _handles(found: Any) -> list[Any]:
    """Of the devices that a run may use."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    numbers = [int(word) for word in asked.split(",") if word.strip().isdigit()]
    count = found.nvmlDeviceGetCount()
    return [found.nvmlDeviceGetHandleByIndex(index) for index in numbers or range(count)]


def _used_gb(found: Any, devices: Sequence[Any]) -> float:
    return max(float(found.nvmlDeviceGetMemoryInfo(device).used) for device in devices) / 1e9


def peaks(samples: Sequence[Sample], marks: Sequence[Mark]) -> dict[str, float]:
    """Timer -> the highest sample within any of its marks; a timer without a sample is left out."""
    found: dict[str, float] = {}
    for mark in marks:
        within = [gb for when, gb in samples if mark.begin <= when <= mark.end]
        if within:
            found[mark.phase] = max(max(within), found.get(mark.phase, 0.0))
    return found


def against_plan(
    measured: Mapping[str, float], planned: Mapping[str, float], idle: float
) -> dict[str, dict[str, float | bool]]:
    """Phase of the plan -> measured and planned GB and their ratio, for phases that have both.

    Args:
        measured: verl's timer -> peak GB.
        planned: phase -> GB "in all", as plan.json has them.
        idle: GB that were used before the run.
    """
    found: dict[str, dict[str, float | bool]] = {}
    for phase, timers in PLANNED.items():
        seen = [measured[timer] - idle for timer in timers if timer in measured]
        if not seen or phase not in planned:
            continue
        wanted = planned[phase]
        if phase == WITH_CACHE:
            wanted = max(wanted, planned.get("generate", 0.0))
        ratio = max(seen) / wanted
        found[phase] = {
            "measured_gb": max(seen),
            "planned_gb": wanted,
            "measured_to_planned": ratio,
            "within": abs(ratio - 1) <= BUDGET,
        }
    return found


def planned_gb(plan: Mapping[str, Any]) -> dict[str, float]:
    """Phase -> GB of one GPU "in all" (1e9 bytes), of the last training in a plan.json."""
    return {phase["name"]: phase["gb"] for phase in plan["trainings"][-1]["memory"]["phases"]}
