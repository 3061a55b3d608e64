"""What stops a run before or between its stages, and that it says so."""

from pathlib import Path

import pytest

from harness import plan, provenance
from harness.errors import ConfigError, RunDirError
from harness.hardware import refuse_missing_gpus
from harness.pipeline import STAGES, execute
from harness.rundir import run_name
from tests.composing import spec_of


@pytest.mark.parametrize(("present", "refused"), [(["A800"] * 4, False), (["A800"] * 3, True)])
def test_gpus_asked_for_against_gpus_present(
    present: list[str], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "gpus", lambda: present)
    spec = spec_of("+repro=tinyzero", "hardware=4xA800")
    if not refused:
        refuse_missing_gpus(spec.hardware)
        return
    with pytest.raises(ConfigError, match=r"4 A800 GPUs, and this machine has 3") as caught:
        refuse_missing_gpus(spec.hardware)
    assert all(way in str(caught.value) for way in ("hardware=cpu", "action=plan", "same command"))


def test_a_full_disk_is_told_and_resumable(tmp_path: Path) -> None:
    spec = spec_of("+repro=tinyzero", f"output_root={tmp_path}")
    run = tmp_path / run_name(spec)
    run.mkdir()
    (run / "events.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunDirError, match=r"No space left.*the same command continues"):
        execute(spec, [])


def test_the_plan_names_the_stages_that_run() -> None:
    assert tuple(STAGES) == plan.STAGES
