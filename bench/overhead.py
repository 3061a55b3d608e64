"""Seconds a step under the harness against the bare verl command, in turn, twice each; prints the
ratio. Run: python bench/overhead.py [steps]"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from hydra import compose, initialize_config_dir

from harness.compose import at_the_door, to_run_spec
from harness.data.prepare import prepare
from harness.explain import CONF_DIR
from harness.files import write_json
from harness.paths import ROOT, model_path
from harness.rundir import record
from harness.spec import RunSpec
from harness.verl.command import command
from harness.verl.emit import emit
from harness.verl.environment import assignments

WARM_UP_STEPS = 2


def step_seconds(metrics: Path) -> float:
    """Median seconds a step, without the first ones."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    seconds = [line["data"]["timing_s/step"] for line in lines]
    return statistics.median(seconds[WARM_UP_STEPS:])


def under_harness(overrides: list[str]) -> float:
    """One run of run.py."""
    root = tempfile.mkdtemp(prefix="reprise-harness-")
    words = [sys.executable, "run.py", *overrides, f"output_root={root}"]
    subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return step_seconds(next(Path(root).glob("*/logs/attempt_1/metrics.jsonl")))


def bare(spec: RunSpec, steps: int) -> float:
    """The same keys and environment, with nothing around verl."""
    run_dir = Path(tempfile.mkdtemp(prefix="reprise-bare-"))
    prepare(
        spec.data, tokenizer_path=model_path(spec.model), folder=run_dir / "data", sft=False
    )  # fmt: skip
    logs = run_dir / "logs"
    logs.mkdir()
    write_json(run_dir / "run.json", record(spec))
    words = command(spec, emit(spec, run_dir, steps), logs / "hydra")
    settings = assignments(spec, run_dir, logs)
    with (logs / "verl.log").open("w") as log:
        subprocess.run(
            ["env", *(f"{name}={value}" for name, value in settings.items()), *words],
            cwd=ROOT, check=True, stdout=log, stderr=log,
        )  # fmt: skip
    return step_seconds(logs / "metrics.jsonl")


def main(arguments: list[str]) -> None:
    """Two pairs, then the ratio of the medians."""
    steps = int(arguments[0]) if arguments else 8
    overrides = ["+repro=tinyzero", f"schedule.steps={steps}"]
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        spec = to_run_spec(compose("config", at_the_door(overrides)))
    pairs = []
    for _ in range(2):
        pairs.append((under_harness(overrides), bare(spec, steps)))
        print(f"harness {pairs[-1][0]:.2f} s a step, bare {pairs[-1][1]:.2f}", flush=True)
    harness, plain = (statistics.mean(column) for column in zip(*pairs, strict=True))
    print(f"harness / bare = {harness / plain:.3f} (budget 1.02)")


if __name__ == "__main__":
    main(sys.argv[1:])
