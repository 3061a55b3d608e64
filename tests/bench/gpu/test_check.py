"""The part `check`: findings with a way on, and no crash whatever is missing."""

import sys
from pathlib import Path

import pytest

from bench.gpu import check
from bench.gpu.attention_check import ALLOWED_ERROR, attention_errors
from bench.gpu.check import packages, pinned
from bench.gpu.options import Options

PINS = "# pins\naccelerate==1.15.0\nTorch==2.11.0+cu130 ; python_version > '3'\n-r other.txt\n"


def test_pins_are_read_from_a_requirements_file() -> None:
    assert pinned(PINS) == {"accelerate": "1.15.0", "torch": "2.11.0+cu130"}


def test_absent_and_other_packages() -> None:
    pins = {"torch": "2.11.0", "verl": "0.9.1", "rich": "13.0", "ray": "2.5", "numpy": "2.1"}
    have = {"torch": "2.11.0+cu130", "verl": "0.8", "rich": "14.0", "numpy": "2.1"}
    found = {finding.name: finding for finding in packages(pins, have.get, "gpu")}
    assert set(found) == {"verl", "rich", "ray", "packages"}
    assert not found["verl"].ok and not found["ray"].ok and found["rich"].ok
    assert "PROFILE=gpu" in found["ray"].how and found["packages"].found == "2 of 5 as pinned"


def test_what_other_models_need_may_be_left_out() -> None:
    pins = {"flashinfer-cubin": "0.6.12", "tilelang": "1.0", "vllm": "0.24.0"}
    found = {finding.name: finding.ok for finding in packages(pins, lambda _: None, "gpu")}
    assert found == {"flashinfer-cubin": True, "tilelang": True, "vllm": False, "packages": True}


def test_without_a_gpu_everything_that_is_missing_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(check, "attention_errors", _no_gpu)
    monkeypatch.setattr(check.os, "sched_getaffinity", lambda _: {0, 1})
    options = Options(hardware="1xH100", model="tiny", steps=1, out=tmp_path, scratch=tmp_path)
    found = check.measure(options)
    named = {line.partition(":")[0] for line in found["missing"]}
    assert {"NVML", "attention varlen", "processors"} <= named
    noted = {line.partition(":")[0] for line in found["notes"]}
    assert "Python" not in noted and "flashinfer-python" in noted
    assert "docker run --gpus all" in capsys.readouterr().out


def _no_gpu(device: str) -> dict[str, float]:
    raise RuntimeError(f"no {device} here")


def test_packed_attention_is_right_on_a_cpu() -> None:
    errors = attention_errors("cpu")
    assert set(errors) == {"output", "query gradient", "key gradient", "value gradient"}
    assert max(errors.values()) < ALLOWED_ERROR
