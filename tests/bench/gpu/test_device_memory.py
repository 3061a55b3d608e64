"""Memory samples of phases and of the plan; sampling is tried on an NVML that is made up."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bench.gpu import machine
from bench.gpu.device_memory import DeviceMemory, against_plan, idle_gb, peaks, planned_gb
from bench.gpu.phases import Mark


def fake_nvml(used_gb: list[float]) -> Any:
    """Devices 0, 1, ... that use so much for ever."""
    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(used_gb),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda index: b"NVIDIA H200",
        nvmlSystemGetDriverVersion=lambda: "580.159.04",
        nvmlSystemGetCudaDriverVersion=lambda: 13000,
        nvmlDeviceGetMemoryInfo=lambda index: SimpleNamespace(
            used=used_gb[index] * 1e9, free=(141 - used_gb[index]) * 1e9, total=141e9
        ),
    )


def test_the_peak_of_a_phase_is_its_highest_sample_in_any_step() -> None:
    samples = [(1.0, 5.0), (2.0, 9.0), (3.0, 7.0), (4.0, 20.0), (5.0, 8.0)]
    marks = [Mark("gen", 1, 2), Mark("gen", 5, 6), Mark("adv", 3, 3.5), Mark("ref", 3.6, 3.9)]
    assert peaks(samples, marks) == {"gen": 9.0, "adv": 7.0}


def test_peaks_are_held_against_the_plan_without_what_was_there_before() -> None:
    measured = {"gen": 46.0, "ref": 20.0, "values": 23.0, "update_weights": 46.0, "adv": 99.0}
    planned = {"generate": 45.0, "log_probs": 20.0, "update": 33.0, "sync": 20.0}
    found = against_plan(measured, planned, idle=1.0)
    assert set(found) == {"generate", "log_probs", "sync"}
    assert found["generate"] == {
        "measured_gb": 45.0, "planned_gb": 45.0, "measured_to_planned": 1.0, "within": True,
    }  # fmt: skip
    assert found["log_probs"]["measured_to_planned"] == 1.1 and found["log_probs"]["within"]
    # verl's timer of the sync ends with the engine's cache back in place.
    assert found["sync"]["planned_gb"] == 45.0


def test_beyond_the_budget_is_said() -> None:
    assert not against_plan({"gen": 60.0}, {"generate": 50.0}, idle=0.0)["generate"]["within"]
    assert not against_plan({"gen": 40.0}, {"generate": 50.0}, idle=0.0)["generate"]["within"]


def test_the_plan_of_the_last_training_counts() -> None:
    trainings = [{"memory": {"phases": [{"name": "generate", "gb": gb}]}} for gb in (1.0, 2.0)]
    assert planned_gb({"trainings": trainings}) == {"generate": 2.0}


def test_without_nvml_nothing_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with DeviceMemory() as memory:
        pass
    assert memory.samples == [] and idle_gb() is None
    assert machine.device_facts(on_gpu=True)["name"] is None


def test_the_fullest_of_the_visible_devices_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml([3.0, 5.0, 100.0]))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert idle_gb() == 100.0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert idle_gb() == 5.0
    with DeviceMemory() as memory:
        while not memory.samples:
            pass
    assert {gb for _, gb in memory.samples} == {5.0}


def test_facts_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml([3.0]))
    facts = machine.device_facts(on_gpu=True)
    assert facts["name"] == "NVIDIA H200" and facts["memory_gb"] == 141.0
    assert facts["cuda"] == "13.0" and facts["driver"] == "580.159.04" and facts["count"] == 1
