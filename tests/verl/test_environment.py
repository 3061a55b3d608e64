"""The environment of a training process: what it adds, and what must not reach it."""

import json
from pathlib import Path

import pytest

from harness.verl.environment import JOB_CONFIG, assignments, environment
from tests.composing import spec_of

BASE = {"PATH": "/bin", "RAY_ADDRESS": "elsewhere", "PYTHONPATH": "/mine"}


@pytest.mark.parametrize(("hardware", "on_cpu"), [("cpu", True), ("1xH100", False)])
def test_the_plug_in_is_for_the_cpu_only(hardware: str, on_cpu: bool, tmp_path: Path) -> None:
    spec = spec_of("+repro=tinyzero", f"hardware={hardware}")
    values = environment(BASE, assignments(spec, tmp_path, tmp_path))
    assert ("VERL_PLATFORM" in values) == on_cpu
    assert ("VLLM_USE_FLASHINFER_SAMPLER" in values) != on_cpu
    assert "RAY_ADDRESS" not in values, "a Ray that happens to be there lacks the run's variables"
    assert values["REPRISE_RUN_FILE"].startswith(str(tmp_path)) and values["PATH"] == "/bin"
    assert values["PYTHONPATH"].endswith(":/mine")


def test_the_hub_is_offline_only_for_a_local_model(tmp_path: Path) -> None:
    local = assignments(spec_of("+repro=tinyzero"), tmp_path, tmp_path)
    hub = assignments(spec_of("+repro=tinyzero", "hardware=1xH100"), tmp_path, tmp_path)
    assert "HF_HUB_OFFLINE" in local and "HF_HUB_OFFLINE" not in hub


@pytest.mark.parametrize("hardware", ["cpu", "8xA100"])
def test_a_run_over_nodes_joins_their_ray_and_hands_its_variables_on(
    hardware: str, tmp_path: Path
) -> None:
    """Workers of a Ray that was up before inherit from their raylet, not from the command."""
    spec = spec_of("+repro=tinyzero", f"hardware={hardware}", "hardware.nodes=2")
    added = assignments(spec, tmp_path, tmp_path)
    values = environment(BASE, added)
    assert values["RAY_ADDRESS"] == "elsewhere"
    handed = json.loads(values.pop(JOB_CONFIG))["runtime_env"]["env_vars"]
    assert handed.keys() == added.keys() - {JOB_CONFIG}
    assert handed == {name: values[name] for name in handed}
    assert handed["PYTHONPATH"].endswith(":/mine")


def test_only_one_node_is_bound_to_loopback(tmp_path: Path) -> None:
    for nodes, bound in ((1, True), (2, False)):
        spec = spec_of("+repro=tinyzero", f"hardware.nodes={nodes}")
        added = assignments(spec, tmp_path, tmp_path)
        assert ("GLOO_SOCKET_IFNAME" in added) == bound
        assert ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" in added) == bound
        assert (JOB_CONFIG in added) != bound


def test_processes_of_one_node_share_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)), raising=False)
    threads = []
    for processes in (1, 3, 8):
        spec = spec_of("+repro=tinyzero", "algorithm.group_size=12",
                       f"hardware.gpus_per_node={processes}")  # fmt: skip
        threads.append(assignments(spec, tmp_path, tmp_path)["REPRISE_COMPUTE_THREADS"])
    assert threads == ["6", "2", "1"]


@pytest.mark.parametrize("nodes", [1, 2])
def test_slurms_second_name_for_the_same_gpus_is_emptied(nodes: int, tmp_path: Path) -> None:
    """verl/single_controller/base/worker.py:267 ends a worker that has both."""
    spec = spec_of("+repro=tinyzero", "hardware=8xA100", f"hardware.nodes={nodes}")
    added = assignments(spec, tmp_path, tmp_path)
    both = environment(
        {**BASE, "CUDA_VISIBLE_DEVICES": "0,1", "ROCR_VISIBLE_DEVICES": "0,1"}, added
    )
    assert both["CUDA_VISIBLE_DEVICES"] == "0,1" and both["ROCR_VISIBLE_DEVICES"] == ""
    if nodes > 1:
        handed = json.loads(both[JOB_CONFIG])["runtime_env"]["env_vars"]
        assert handed["ROCR_VISIBLE_DEVICES"] == ""
    amd = environment({**BASE, "ROCR_VISIBLE_DEVICES": "0,1"}, added)
    assert amd["ROCR_VISIBLE_DEVICES"] == "0,1"
