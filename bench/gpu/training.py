"""The part `train`: TinyZero through run.py and as the printed verl command, side by side; the
parts `memory` and `alone` go on from the run that it leaves."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bench.gpu.options import TINY, Options
from bench.gpu.record import write_part
from bench.gpu.runs import RunOutcome, bare_run, harness_run, step_metrics
from bench.gpu.shapes import model_folder
from bench.gpu.training_numbers import counted, middle, ratio, speeds, step_seconds, wall_seconds
from harness.errors import RepriseError
from harness.files import write_json
from harness.rundir import read_events
from harness.verl.environment import METRICS_LOG

PART = "train"
FOLDER = "train-"
HARNESS = "harness"
ASKED = "asked.json"
"""Beside a run that went well: its overrides, and the seconds between its steps."""
RARELY = 1000
"""Steps between checkpoints; the last step is saved whatever it is."""

ON_GPU = (
    "data=countdown_generated",
    "data.train_rows=512",
    "data.test_rows=16",
    "data.max_response_tokens=256",
    "algorithm.prompts_per_step=64",
    "algorithm.mini_batch_prompts=16",
    "schedule.epochs=1000",
    "schedule.validate_every=null",
)
"""TinyZero with generated problems and a batch of which a step takes seconds; four updates a step,
as in the recipe. Random weights hardly ever end a response, so nearly all reach the limit."""
BUILT_PROMPT_TOKENS = 160
"""What a prompt of four or fewer numbers takes under the built models' tokenizer."""
ON_CPU = (
    "data.train_rows=64",
    "data.test_rows=16",
    "algorithm.prompts_per_step=16",
    "algorithm.mini_batch_prompts=8",
)
EVALUATION = "eval.benchmarks=[{name: held_out, samples_per_problem: 1, max_problems: 8}]"
"""A run must name one; it is stopped before it."""


def measure(options: Options) -> dict[str, Any]:
    """Both runs; what is measured is written as soon as it is known.

    Raises:
        RepriseError: one of them failed; the numbers before it are in the result file.
    """
    options.scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=options.scratch))
    numbers: dict[str, Any] = {}
    harness = harness_run(options, overrides(options), folder / HARNESS, until="export")
    free_disk(harness)
    asked = {"overrides": _asked(options), "wall_s": wall_seconds(harness.step_ends)}
    write_json(folder / ASKED, asked)
    numbers["harness"] = side(harness, options) | _inside(harness)
    write_part(options, PART, numbers)
    bare = bare_run(harness.run_dir, folder / "bare")
    free_disk(bare)
    numbers["bare"] = side(bare, options)
    numbers["harness_to_bare"] = compared(harness.run_dir, bare)
    write_part(options, PART, numbers)
    return numbers


def trained(options: Options) -> Path:
    """The newest run that `train` has left in the scratch folder, with what is asked now.

    Raises:
        RepriseError: there is none.
    """
    asked = _asked(options)
    for file in sorted(options.scratch.glob(f"{FOLDER}*/{ASKED}"), key=_age, reverse=True):
        if json.loads(file.read_text())["overrides"] == asked:
            return next((file.parent / HARNESS).glob("*/run.json")).parent
    raise RepriseError(
        f"{options.scratch} holds no run of the part `train` with these options: run "
        "`python -m bench.gpu train` with the same ones first"
    )


def _asked(options: Options) -> list[str]:
    return [*overrides(options), *options.overrides]


def _age(file: Path) -> float:
    return file.stat().st_mtime


def overrides(options: Options) -> list[str]:
    """The run's overrides; the user's come after them."""
    words = ["+repro=tinyzero", f"hardware={options.hardware}"]
    folder = model_folder(options.model, options.scratch)
    if options.model == TINY:
        words.append("model=tiny_countdown")
    else:
        words += [f"model={options.model}", f"model.path={folder}"]
    if options.on_gpu:
        tiny = options.model == TINY
        words += [*ON_GPU, f"data.max_prompt_tokens={32 if tiny else BUILT_PROMPT_TOKENS}"]
    else:
        words += [*ON_CPU] + ([] if options.model == TINY else ["data.max_prompt_tokens=160"])
    return [*words, EVALUATION, f"schedule.steps={options.steps}", f"schedule.save_every={RARELY}"]


def side(outcome: RunOutcome, options: Options) -> dict[str, Any]:
    """The numbers of one of the two runs."""
    return {
        **speeds(step_metrics(outcome.metrics), on_gpu=options.on_gpu),
        "wall_s_per_step": middle(wall_seconds(outcome.step_ends)),
        # The first run on a machine compiles kernels, which those after it find in their caches.
        "start_up_s": outcome.seconds_to_first_step,
        "total_s": outcome.seconds,
    }


def compared(harness: Path, other: RunOutcome) -> dict[str, Any]:
    """Seconds a step of the harness over another's: by verl's timer, and from one step's metrics to
    the next's.

    Args:
        harness: the run that `train` made through run.py.
        other: what it is held against.
    """
    metrics = harness / "logs" / "attempt_1" / METRICS_LOG
    first, second = (
        [step_seconds(step) for step in counted(step_metrics(found))]
        for found in (metrics, other.metrics)
    )
    asked = json.loads((harness.parent.parent / ASKED).read_text())
    return {
        "step": ratio(first, second),
        "wall": ratio(asked["wall_s"], wall_seconds(other.step_ends)),
    }


def _inside(harness: RunOutcome) -> dict[str, float | None]:
    """Of the start-up of run.py, what passed before verl's command was started, and after."""
    whole = harness.seconds_to_first_step
    for event in read_events(harness.run_dir / "events.jsonl"):
        if event["kind"] == "train_started":
            before = event["time"] - harness.started_at
            after = None if whole is None else whole - before
            return {"before_verl_s": before, "verl_start_up_s": after}
    return {"before_verl_s": None, "verl_start_up_s": None}


def free_disk(outcome: RunOutcome) -> None:
    """Gigabytes that nobody reads again."""
    for name in ("checkpoints", "model"):
        shutil.rmtree(outcome.run_dir / name, ignore_errors=True)
