"""The environment of a training process: what it adds, and what must not reach it."""

from pathlib import Path

import pytest

from harness.verl.environment import assignments, environment
from tests.composing import spec_of

BASE = {"PATH": "/bin", "RAY_ADDRESS": "elsewhere", "PYTHONPATH": "/mine"}


@pytest.mark.parametrize(("hardware", "on_cpu"), [("cpu", True), ("1xH100", False)])
def test_the_plug_in_is_for_the_cpu_only(hardware: str, on_cpu: bool, tmp_path: Path) -> None:
    spec = spec_of("+repro=tinyzero", f"hardware={hardware}")
    values = environment(BASE, assignments(spec, tmp_path, tmp_path))
    assert ("VERL_PLATFORM" in values) == on_cpu
    assert ("RAY_ADDRESS" in values) == (not on_cpu)
    assert values["REPRISE_RUN_FILE"].startswith(str(tmp_path)) and values["PATH"] == "/bin"
    assert values["PYTHONPATH"].endswith(":/mine")


def test_the_hub_is_offline_only_for_a_local_model(tmp_path: Path) -> None:
    local = assignments(spec_of("+repro=tinyzero"), tmp_path, tmp_path)
    hub = assignments(spec_of("+repro=tinyzero", "hardware=1xH100"), tmp_path, tmp_path)
    assert "HF_HUB_OFFLINE" in local and "HF_HUB_OFFLINE" not in hub
