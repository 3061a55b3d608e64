"""Runs that measured themselves become rows of the calibration, and correct later plans."""

import json
from pathlib import Path

import pytest

from harness.files import write_json
from harness.plan.hours.calibration import compare, correction, spread
from harness.plan.hours.measured import FILE, collect, own_rows
from harness.plan.hours.stages import stage_hours
from harness.plan.hours.throughput import throughput
from harness.rundir import RUN_FILE, record, run_name
from harness.spec import RunSpec
from tests.composing import spec_of


def run_of(spec: RunSpec, *, seconds: float, steps: int = 6, stage: str = "") -> Path:
    """A run directory with the events of its steps; the first two are slow."""
    folder = Path(spec.output_root) / run_name(spec)
    write_json(folder / RUN_FILE, record(spec))
    events = folder / "stages" / stage if stage else folder
    events.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "kind": "step",
            "metrics": {
                "timing_s/step": 10 * seconds if step < 2 else seconds,
                "response_length/mean": 600.0,
                "prompt_length/mean": 100.0,
            },
        }
        for step in range(steps)
    ]
    text = "".join(json.dumps(line) + "\n" for line in [{"kind": "run_started"}, *lines])
    (events / "events.jsonl").write_text(text)
    return folder


def dr_grpo(root: Path, *words: str) -> RunSpec:
    return spec_of("+repro=dr_grpo", "hardware=8xA100", f"output_root={root}", *words)


def test_a_run_becomes_a_row(tmp_path: Path) -> None:
    run_of(dr_grpo(tmp_path), seconds=200)
    (row,) = collect(tmp_path)
    assert row.reported.seconds_per_step == 200
    assert (row.gpu, row.gpus, row.use, row.project) == ("a100", 8, "calibrate", "dr_grpo")
    assert row.trainings[0].response_tokens.mid == 600
    assert own_rows(tmp_path) == (row,)
    assert (tmp_path / FILE).read_text().startswith("#")


def test_later_plans_are_as_slow_as_the_runs_were(tmp_path: Path) -> None:
    spec = dr_grpo(tmp_path)
    before = stage_hours(spec)[0]
    run_of(spec, seconds=400)
    (row,) = collect(tmp_path)
    factor = 400 / compare(row, throughput()).predicted.mid
    assert correction(spec).factor == pytest.approx(factor)
    after = stage_hours(spec)[0]
    assert before.hours is not None and after.hours is not None
    assert after.hours.mid == pytest.approx(factor * before.hours.mid)
    assert "1 measured training on" in after.note


def test_another_gpu_learns_nothing(tmp_path: Path) -> None:
    run_of(dr_grpo(tmp_path), seconds=400)
    collect(tmp_path)
    other = spec_of("+repro=dr_grpo", "hardware=8xH100", f"output_root={tmp_path}")
    assert correction(other).runs == 0


def test_many_own_runs_make_the_interval(tmp_path: Path) -> None:
    spec = dr_grpo(tmp_path)
    for seed in range(5):
        run_of(spec.model_copy(update={"seed": seed}), seconds=200 + seed)
    assert len(collect(tmp_path)) == 5
    assert correction(spec).spread < 0.05 < spread()


def test_a_stage_of_a_chain_is_a_row(tmp_path: Path) -> None:
    chain = spec_of("+repro=deepscaler", "hardware=8xA100", f"output_root={tmp_path}")
    run_of(chain, seconds=300, stage="16k")
    (row,) = collect(tmp_path)
    assert row.id.endswith("/16k")
    assert row.trainings[0].max_response_tokens == 16384


def test_a_machine_without_facts_gives_no_row(tmp_path: Path) -> None:
    spec = spec_of("+repro=tinyzero", "hardware=cpu", f"output_root={tmp_path}")
    run_of(spec, seconds=14)
    assert collect(tmp_path) == ()


def test_a_run_that_hardly_began_gives_no_row(tmp_path: Path) -> None:
    run_of(dr_grpo(tmp_path), seconds=200, steps=2)
    assert collect(tmp_path) == ()
