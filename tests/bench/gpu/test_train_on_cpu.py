"""The part `train` end to end on the CPU profile: three runs of the real stack, one result file."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.gpu.record import read_parts
from harness.paths import ROOT

pytestmark = pytest.mark.slow

PHASES = {"gen", "old_log_prob", "ref", "values", "adv", "update_critic", "update_actor"}


def test_train_side_by_side_with_phase_marks(tmp_path: Path) -> None:
    words = ["--hardware", "cpu", "--model", "tiny", "--steps", "3"]
    folders = ["--out", str(tmp_path / "out"), "--scratch", str(tmp_path / "scratch")]
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu", "train", *words, *folders],
        cwd=ROOT, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = read_parts(tmp_path / "out")
    numbers = result["numbers"]
    for side in ("harness", "bare"):
        found = numbers[side]
        assert found["steps"] == 3 and found["s_per_step"] > 0 and found["start_up_s"] > 0
        assert found["rollout_tokens_per_s"] > 0 and found["actor_mfu"] is None
    # The same seed, data and keys: the same responses, whoever started verl.
    assert numbers["harness"]["response_tokens"] == numbers["bare"]["response_tokens"]
    memory = numbers["memory"]
    assert {*PHASES, "update_weights", "save_checkpoint"} <= set(memory["marked_s"])
    assert memory["peak_gb"] is None and memory["against_plan"] is None
    assert "not run" in done.stdout
    assert not list((tmp_path / "scratch").rglob("*.safetensors"))
