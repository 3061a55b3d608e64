"""The training stage: decides where to resume, runs verl, records every step once, and believes
the result only when the steps and the reward's own count add up. The pipeline calls train()."""

import os
from collections.abc import Mapping
from typing import Any

from harness import checkpoints
from harness.chain import announced_end
from harness.console import Console, short, step_line
from harness.errors import TrainingError
from harness.files import write_json, write_text
from harness.rundir import RunDir, identity, record
from harness.scored import CONSTANT_STEPS, ScoredResponses
from harness.spec import RLAlgorithm, RunSpec, SFTAlgorithm
from harness.steps import effective_attempts, effective_steps, steps_of_file
from harness.tracking import trackers
from harness.verl.command import command, printable
from harness.verl.emit import emit
from harness.verl.environment import METRICS_LOG, REWARD_LOG, assignments, environment
from harness.verl.process import run_training

VERL_LOG = "verl.log"


def train(spec: RunSpec, directory: RunDir, console: Console, steps: int) -> str:
    """Trains up to `steps`, from the last complete checkpoint.

    Raises:
        RunDirError: the checkpoint is damaged or belongs to another run.
        TrainingError: verl died, a step is missing, or the reward did not score every sample.
        KeyboardInterrupt: stopped from outside, or at a step's end because the end was announced.
    """
    _recover_metrics(directory)
    run, saves = record(spec), directory.path / "checkpoints"
    logged = _contiguous(effective_steps(directory.events()))
    if isinstance(spec.algorithm, SFTAlgorithm):
        checkpoints.adopt(saves, run)
    start = checkpoints.resume_point(saves, run, logged)
    if start >= steps:
        _believe(spec, directory, steps)
        return f"{steps} steps, done before"
    words = _write_command(spec, directory, steps)
    origin = f"from the checkpoint of step {start}" if start else _origin(spec)
    console.stage("train", f"{steps} steps {origin}; log: {short(directory.logs / VERL_LOG)}")
    directory.event("train_started", stage="train", start=start, steps=steps)
    _run(spec, directory, console, words, start=start, steps=steps)
    _recover_metrics(directory)
    if announced_end(directory.path) and checkpoints.latest_step(saves) < steps:
        raise KeyboardInterrupt  # the trainer has saved its last step and stopped
    _believe(spec, directory, steps)
    return f"{steps} steps"


def _origin(spec: RunSpec) -> str:
    stage = spec.starts_from
    return f"from the model of stage {stage}" if stage else "from the base model"


def _write_command(spec: RunSpec, directory: RunDir, steps: int) -> list[str]:
    keys = emit(spec, directory.path, steps)
    words = command(spec, keys, directory.logs / "hydra")
    write_json(directory.path / "train" / "verl.json", keys)
    settings = assignments(spec, directory.path, directory.logs)
    write_text(directory.path / "train" / "command.txt", printable(words, settings) + "\n")
    return words


def _run(
    spec: RunSpec, directory: RunDir, console: Console, words: list[str], *, start: int, steps: int
) -> None:
    scored = ScoredResponses(directory.logs / REWARD_LOG)
    opened = trackers(spec, directory.path, identity(spec))
    settings = assignments(spec, directory.path, directory.logs)
    warned: set[str] = set()

    def on_metrics(step: int, metrics: dict[str, float]) -> None:
        parts = scored.components(step).items()
        numbers = {**metrics, **{f"reward/{name}": mean for name, mean in parts}}
        if (accuracy := scored.accuracy(step)) is not None:
            numbers["reward/accuracy"] = accuracy
        directory.event("step", stage="train", step=step, metrics=numbers)
        directory.status("running", stage="train", step=step, steps=steps)
        for tracker in opened:
            tracker.log(step, numbers)
        bar.advance(step, steps, step_line(numbers))
        _warn_of_constants(directory, console, scored, step, warned)

    try:
        with console.progress(steps, "steps") as bar:
            bar.advance(start, steps, "starting Ray and verl (about a minute)")
            run_training(
                words,
                environment=environment(os.environ, settings),
                log_path=directory.logs / VERL_LOG,
                metrics_path=directory.logs / METRICS_LOG,
                on_metrics=on_metrics,
            )
    finally:
        for tracker in opened:
            tracker.close()


def _warn_of_constants(
    directory: RunDir, console: Console, scored: ScoredResponses, step: int, warned: set[str]
) -> None:
    """Says once of each component that it has not changed for many steps."""
    for name, value in scored.constant(step).items():
        if name not in warned:
            warned.add(name)
            text = (
                f"{name} was {value:g} for every response of the last {CONSTANT_STEPS} steps: "
                "what never differs teaches nothing"
            )
            directory.event("warning", stage="train", step=step, component=name, message=text)
            console.say(f"          warning: {text}")


def _recover_metrics(directory: RunDir) -> None:
    """Brings metrics that verl logged after its parent was killed into the event log."""
    known = {
        (event["attempt"], event["step"]) for event in directory.events() if event["kind"] == "step"
    }
    for file in sorted(directory.path.glob("logs/attempt_*/metrics.jsonl")):
        attempt = int(file.parent.name.removeprefix("attempt_"))
        for step, metrics in steps_of_file(file).items():
            if (attempt, step) not in known:
                directory.event("step", stage="train", step=step, metrics=metrics, attempt=attempt)


def _contiguous(steps: Mapping[int, Any]) -> int:
    """The last step up to which none is missing."""
    last = 0
    while last + 1 in steps:
        last += 1
    return last


def _believe(spec: RunSpec, directory: RunDir, steps: int) -> None:
    """Every step is saved, logged, and rewarded; nothing is taken from verl's exit code."""
    if isinstance(spec.algorithm, SFTAlgorithm):
        checkpoints.adopt(directory.path / "checkpoints", record(spec))
    saved = checkpoints.verify(directory.path / "checkpoints", record(spec))
    attempts = effective_attempts(directory.events())
    missing = [step for step in range(1, steps + 1) if step not in attempts]
    if saved != steps or missing:
        raise TrainingError(
            f"verl ended without an error, yet {steps} steps were asked for, step {saved} is saved "
            f"and {len(missing)} steps have no metrics {missing[:5]}: see "
            f"{directory.logs / VERL_LOG}; the same command continues"
        )
    if isinstance(spec.algorithm, RLAlgorithm):
        _count_rewards(spec.algorithm, directory, attempts)


def _count_rewards(algorithm: RLAlgorithm, directory: RunDir, attempts: Mapping[int, int]) -> None:
    """The reward that was named must have scored every response of every training step."""
    steps = effective_steps(directory.events())
    logs = {
        attempt: ScoredResponses(directory.path / "logs" / f"attempt_{attempt}" / REWARD_LOG)
        for attempt in set(attempts.values())
    }
    for step, attempt in attempts.items():
        if step == 0:  # a validation before the first step, logged by itself
            continue
        prompts = _prompts_generated(algorithm, steps[step])
        expected = prompts * algorithm.group_size
        if (scored := logs[attempt].scored(step)) != expected:
            raise TrainingError(
                f"the reward scored {scored} responses in step {step}, and "
                f"{prompts} prompts x {algorithm.group_size} responses = "
                f"{expected} were asked for: another reward ran, or responses were dropped. "
                f"The model cannot be trusted; see logs/attempt_{attempt}/{REWARD_LOG}, and start "
                f"anew after deleting {directory.path}"
            )


def _prompts_generated(algorithm: RLAlgorithm, metrics: Mapping[str, float]) -> int:
    """Prompts of one step; dynamic sampling generates for more than it trains on, and logs it."""
    if algorithm.filter_groups is None:
        return algorithm.prompts_per_step
    batches = int(metrics.get("training/filter_groups/batches", 0))
    return batches * algorithm.filter_groups.prompts_per_batch
