"""The parts `train`, `alone` and `memory` end to end on the CPU profile: four trainings by the real
stack."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.gpu.record import read_parts
from harness.paths import ROOT

pytestmark = pytest.mark.slow

PHASES = {"gen", "old_log_prob", "ref", "values", "adv", "update_critic", "update_actor"}


def measure(part: str, folder: Path) -> dict[str, Any]:
    """The numbers of one part, and what it printed."""
    words = ["--hardware", "cpu", "--model", "tiny", "--steps", "3"]
    folders = ["--out", str(folder / "out"), "--scratch", str(folder / "scratch")]
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu", part, *words, *folders],
        cwd=ROOT, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not run" in done.stdout
    (found,) = [result for result in read_parts(folder / "out") if result["part"] == part]
    numbers: dict[str, Any] = found["numbers"]
    return numbers


def test_side_by_side_then_memory_and_verl_alone(tmp_path: Path) -> None:
    numbers = measure("train", tmp_path)
    alone = measure("alone", tmp_path)
    for found in (numbers["harness"], numbers["bare"], alone["alone"]):
        assert found["steps"] == 3 and found["s_per_step"] > 0 and found["start_up_s"] > 0
        assert found["rollout_tokens_per_s"] > 0 and found["actor_mfu"] is None
    # The same seed, data and keys: the same responses, whoever started verl.
    assert numbers["harness"]["response_tokens"] == numbers["bare"]["response_tokens"]
    for compared in (numbers["harness_to_bare"], alone["harness_to_alone"]):
        assert compared["step"]["value"] > 0 and compared["wall"]["budget"] == 1.02
    memory = measure("memory", tmp_path)
    assert {*PHASES, "update_weights", "save_checkpoint"} <= set(memory["marked_s"])
    assert memory["peak_gb"] is None and memory["against_plan"] is None
    assert not list((tmp_path / "scratch").rglob("*.safetensors"))
