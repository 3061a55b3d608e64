"""What GPUs compute, with the real stack on a CPU: packed sequences give the numbers of padded ones
up to rounding, and bf16 with entropy in chunks nearly those."""

import math
from pathlib import Path

import pytest

from harness.rundir import read_events
from harness.steps import effective_steps
from tests.test_end_to_end import PPO, check_complete, finish, only_run

pytestmark = pytest.mark.slow

PACKED = ("hardware.attention=varlen", "hardware.remove_padding=true")
AS_ON_A_GPU = (
    *PACKED, "hardware.precision=bf16",
    "+verl.actor_rollout_ref.actor.fsdp_config.entropy_from_logits_with_chunking=true",
)  # fmt: skip
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


def differing(
    one: dict[str, float], other: dict[str, float], rel_tol: float, abs_tol: float = 1e-5
) -> dict[str, tuple[float, float]]:
    pairs = {name: (value, other[name]) for name, value in one.items()}
    return {
        name: pair
        for name, pair in pairs.items()
        if not math.isclose(*pair, rel_tol=rel_tol, abs_tol=abs_tol)
    }


def test_packing_changes_no_number_and_half_precision_hardly_any(tmp_path: Path) -> None:
    padded = curves(tmp_path / "padded")
    packed = curves(tmp_path / "packed", *PACKED)
    for step, found in padded.items():
        assert differing(found, packed[step], rel_tol=1e-3) == {}, step
    half = curves(tmp_path / "half", *AS_ON_A_GPU)
    assert differing(padded[1], half[1], rel_tol=0.03, abs_tol=2e-3) == {}
    assert half[1] != packed[1], "bf16 leaves traces"
