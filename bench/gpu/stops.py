"""The part `algorithms`: PPO, GRPO and SFT on the tiny base, each killed after a step, continued by
the same command, and looked at: did it resume where it should, finish, and export a model?"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.gpu.children import end_processes, log_end, processes_of
from bench.gpu.options import Options
from bench.gpu.record import write_part
from bench.gpu.runs import harness_run
from bench.gpu.stop_checks import (
    GONE_S,
    Case,
    durations,
    exported,
    last_step,
    rounded,
    start_up,
    starts,
    verdict,
)
from harness.errors import RepriseError
from harness.paths import ROOT
from harness.rundir import read_events
from harness.training import VERL_LOG

PART = "algorithms"
POLL_S = 0.1
SMALL = (
    "data.train_rows=64",
    "data.test_rows=16",
    "eval.benchmarks=[{name: held_out, samples_per_problem: 2, max_problems: 8}]",
)
MANY_ROWS = ("data.train_rows=1024",)
"""verl forks its data workers anew in every epoch, which must not be most of SFT's time."""
ENGINE = (
    "hardware.rollout.memory_fraction=0.1",
    # Graphs and compilation take longer to make than these few steps last.
    "+verl.actor_rollout_ref.rollout.enforce_eager=true",
)


def measure(options: Options) -> dict[str, Any]:
    """All cases in turn; one that fails says why and the others go on."""
    options.scratch.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, Any] = {}
    for case in cases(options):
        root = Path(tempfile.mkdtemp(prefix=f"{case.name}-", dir=options.scratch)).resolve()
        try:
            numbers[case.name] = one(options, case, root)
        except (RepriseError, OSError) as error:
            numbers[case.name] = {"steps": case.steps, "ok": False, "why_not": [str(error)]}
        found = numbers[case.name]
        print(f"  {case.name}: {'ok' if found['ok'] else found['why_not']}", flush=True)
        write_part(options, PART, numbers)
    failed = [name for name, found in numbers.items() if not found["ok"]]
    return numbers | ({"error": f"not ok: {', '.join(failed)}"} if failed else {})


def cases(options: Options) -> tuple[Case, ...]:
    """What is stopped where. SFT's steps are short: a kill that is seen late must still find it
    training, so it has more of them."""
    hardware = f"hardware={options.hardware}"
    rl = ("+repro=miniature/tinyzero", hardware, *SMALL, *(ENGINE if options.on_gpu else ()))
    ppo = ("algorithm.prompts_per_step=16", "algorithm.mini_batch_prompts=8")
    groups = (
        "algorithm=miniature/grpo", "algorithm.prompts_per_step=4",
        "algorithm.mini_batch_prompts=4", "algorithm.group_size=4",
    )  # fmt: skip
    sft = (
        "algorithm=sft", "data=countdown_demonstrations", "model=tiny_countdown", hardware,
        "algorithm.sequences_per_step=16", *SMALL, *(MANY_ROWS if options.on_gpu else ()),
    )  # fmt: skip
    long = 400 if options.on_gpu else 60
    return (
        Case(name="ppo", overrides=(*rl, *ppo), steps=6, save_every=2, kill_after=3),
        Case(name="grpo", overrides=(*rl, *groups), steps=6, save_every=2, kill_after=3),
        Case(name="sft", overrides=sft, steps=long, save_every=long // 10, kill_after=long // 4),
    )


def one(options: Options, case: Case, root: Path) -> dict[str, Any]:
    """Kills a run, gives the same command again, and measures both.

    Raises:
        RepriseError: it ended with an error before it was killed, or afterwards.
    """
    run, gone_s = killed(options, case, root)
    before = read_events(run / "events.jsonl")
    print(f"  {case.name}: killed after step {last_step(before)}, {gone_s:.1f} s to its end",
          flush=True)  # fmt: skip
    outcome = harness_run(options, case.words, root, until="export")
    events = read_events(run / "events.jsonl")
    export = exported(run / "model")
    log = run / "logs" / "attempt_2" / VERL_LOG
    text = log.read_text(errors="replace") if log.exists() else ""
    why_not = [*verdict(case, before, events, text, gone_s), *export.problems]
    return {
        "steps": case.steps,
        "save_every": case.save_every,
        "killed_after": last_step(before),
        "gone_after_s": round(gone_s, 1),
        "resumed_from": starts(events)[-1],
        "resume_start_up_s": rounded(start_up(outcome, events)),
        **durations(run, events),
        "export_files": export.files,
        "export_parameters": export.parameters,
        "ok": not why_not,
        "why_not": why_not,
    }


def killed(options: Options, case: Case, root: Path) -> tuple[Path, float]:
    """Starts a run, SIGKILLs it after a step, and waits until nothing of it is left.

    Returns:
        The run's folder, and the seconds from the kill to the end of its last process.

    Raises:
        RepriseError: it ended by itself.
    """
    words = [sys.executable, "run.py", *case.words, *options.overrides, f"output_root={root}"]
    log = root.parent / f"{root.name}.log"
    with log.open("ab") as file:
        child = subprocess.Popen(words, cwd=ROOT, stdout=file, stderr=file)
    print(f"  {case.name}: {case.steps} steps, to be killed after {case.kill_after}; log: {log}",
          flush=True)  # fmt: skip
    try:
        run = _reached(child, root, case.kill_after, log)
    finally:
        child.kill()
        child.wait()
    return run, seconds_until_gone(run)


def _reached(child: subprocess.Popen[bytes], root: Path, step: int, log: Path) -> Path:
    while child.poll() is None:
        for run in (path for path in root.iterdir() if path.is_dir()):
            if last_step(read_events(run / "events.jsonl")) >= step:
                os.kill(child.pid, signal.SIGKILL)
                return run
        time.sleep(POLL_S)
    raise RepriseError(
        f"the run ended with exit code {child.returncode} before its step {step} was seen:\n"
        f"{log_end(log)}"
    )


def seconds_until_gone(run: Path) -> float:
    """Waits for the end of a killed run's processes; what outlives GONE_S is ended here."""
    began = time.monotonic()
    while processes_of(run) and time.monotonic() - began < GONE_S:
        time.sleep(POLL_S)
    waited = time.monotonic() - began
    end_processes(run)
    return waited
