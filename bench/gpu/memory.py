"""The part `memory`: the printed command of `train` once more for a few steps, with the memory of
the GPUs sampled, and its peak in each phase held against the plan of the run."""

import json
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bench.gpu.device_memory import DeviceMemory, against_plan, idle_gb, peaks, planned_gb
from bench.gpu.options import Options
from bench.gpu.phases import FILE_VARIABLE, MODULE, Mark, marks
from bench.gpu.runs import assigned, bare_run
from bench.gpu.training import free_disk, trained
from harness.plan.run_plan import FILE as PLAN

STEPS = 4
EXTERNAL = "VERL_USE_EXTERNAL_MODULES"


def measure(options: Options) -> dict[str, Any]:
    """A short bare run with phase marks and samples; device numbers are null on a CPU.

    Raises:
        RepriseError: `train` has not been measured with these options, or the run failed.
    """
    run_dir = trained(options)
    target = Path(mkdtemp(prefix="memory-", dir=options.scratch)) / "marked"
    printed = (run_dir / "train" / "command.txt").read_text()
    file = target.with_suffix(".marks.jsonl")
    added = {EXTERNAL: f"{assigned(printed, EXTERNAL)},{MODULE}", FILE_VARIABLE: str(file)}
    idle = idle_gb() if options.on_gpu else None
    steps = min(STEPS, options.steps)
    with DeviceMemory() as sampled:
        outcome = bare_run(run_dir, target, added, steps=steps)
    free_disk(outcome)
    found = marks(file.read_text().splitlines())
    numbers: dict[str, Any] = {
        "steps": steps,
        "marks": len(found),
        "marked_s": _seconds(found),
        "samples": len(sampled.samples) if options.on_gpu else None,
        "idle_gb": idle,
        "peak_gb": None,
        "against_plan": None,
    }
    if options.on_gpu and idle is not None:
        numbers["peak_gb"] = seen = peaks(sampled.samples, found)
        plan = json.loads((run_dir / PLAN).read_text())
        numbers["against_plan"] = against_plan(seen, planned_gb(plan), idle)
    return numbers


def _seconds(found: list[Mark]) -> dict[str, float]:
    """Phase -> seconds in all its marks."""
    seconds: dict[str, float] = {}
    for mark in found:
        seconds[mark.phase] = seconds.get(mark.phase, 0.0) + mark.end - mark.begin
    return seconds
