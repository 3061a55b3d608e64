"""Packed sequences with the real stack: the same numbers as with padding, up to rounding."""

import math
from pathlib import Path

import pytest

from harness.rundir import read_events
from harness.steps import effective_steps
from tests.test_end_to_end import PPO, check_complete, finish, only_run

pytestmark = pytest.mark.slow

PACKED = ("hardware.attention=varlen", "hardware.remove_padding=true")
COMPARED = (
    "actor/entropy", "actor/pg_loss", "actor/grad_norm", "critic/vf_loss", "critic/grad_norm",
    "critic/score/mean", "response_length/mean",
)  # fmt: skip


def curves(root: Path, *arguments: str) -> dict[int, dict[str, float]]:
    """Step -> what actor, critic and rollout gave."""
    code, output = finish(root, *PPO, "schedule.steps=2", *arguments)
    assert code == 0, output
    run = only_run(root)
    check_complete(run, 2)
    steps = effective_steps(read_events(run / "events.jsonl"))
    return {step: {name: found[name] for name in COMPARED} for step, found in steps.items()}


def test_packing_changes_no_number(tmp_path: Path) -> None:
    padded = curves(tmp_path / "padded")
    packed = curves(tmp_path / "packed", *PACKED)
    for step, found in padded.items():
        for name, value in found.items():
            close = math.isclose(packed[step][name], value, rel_tol=1e-3, abs_tol=1e-5)
            assert close, (step, name, value, packed[step][name])
