"""Starts run.py and the bare verl command, and says how they went; the parts that train use it."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gpu.children import Child, end_processes
from bench.gpu.options import Options
from harness.errors import RepriseError
from harness.paths import ROOT
from harness.rundir import read_events
from harness.steps import steps_of_file
from harness.verl.environment import METRICS_LOG


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """One run that ended well."""

    run_dir: Path
    log: Path
    """What it printed."""
    metrics: Path
    """verl's file of step metrics of this attempt; absent where it made no step."""
    started_at: float
    """time.time() at the start of the process."""
    seconds: float
    """From start to end."""
    step_ends: dict[int, float]
    """Step -> time.time() when its metrics were seen, a fraction of a second late."""

    @property
    def seconds_to_first_step(self) -> float | None:
        """From the start of the process to the beginning of its first step."""
        if not self.step_ends:
            return None
        first = min(self.step_ends)
        lasted = steps_of_file(self.metrics).get(first, {}).get("timing_s/step")
        return None if lasted is None else self.step_ends[first] - lasted - self.started_at


def harness_run(
    options: Options, overrides: Sequence[str], root: Path, *, until: str | None = None
) -> RunOutcome:
    """`python run.py <overrides> <the user's overrides> output_root=<root>` to its end.

    Args:
        options: the call's.
        overrides: Hydra overrides of the part.
        root: output root that holds this run alone.
        until: a stage of the run; once it is done the rest is left out, by Ctrl-C.

    Raises:
        RepriseError: it ended with an error, shown with the end of its log.
    """
    words = [sys.executable, "run.py", *overrides, *options.overrides, f"output_root={root}"]
    root.mkdir(parents=True, exist_ok=True)
    before = {path for folder in _runs(root) for path in _metrics(folder)}

    def metrics() -> Path | None:
        new = [path for run in _runs(root) for path in _metrics(run) if path not in before]
        return new[-1] if new else None

    def enough() -> bool:
        return until is not None and any(
            event["kind"] == "stage_done" and event["stage"] == until
            for folder in _runs(root)
            for event in read_events(folder / "events.jsonl")
        )

    log = root.with_name(f"{root.name}.log")
    child = Child(words, os.environ, log, label=root.name)
    child.watch(metrics, enough)
    runs = _runs(root)
    if len(runs) != 1:
        raise RepriseError(f"{root} holds {len(runs)} runs instead of one: give each its own root")
    return _outcome(child, runs[0], metrics())


def bare_run(
    run_dir: Path,
    target: Path,
    extra_environment: Mapping[str, str] | None = None,
    *,
    steps: int | None = None,
    change: Callable[[str], str] = str,
) -> RunOutcome:
    """The run's own train/command.txt by bash, in a fresh folder with nothing around verl.

    Args:
        run_dir: a run of run.py that has trained; its data are copied, its checkpoints are not.
        target: the folder that takes its place in the command.
        extra_environment: added to the command's assignments, and stronger.
        steps: another number of steps than the run's.
        change: what becomes of the printed text.

    Raises:
        RepriseError: it ended with an error, or folders of the run before are in the way.
    """
    text = change((run_dir / "train" / "command.txt").read_text())
    added = {**_python_path(), **(extra_environment or {})}
    # Without a shell in between, a death signal reaches verl's own process.
    text = "exec " + bare_text(text, str(run_dir), str(target), added, steps)
    if target.exists():
        raise RepriseError(f"{target} exists already: give the bare command a fresh folder")
    shutil.copytree(run_dir / "data", target / "data")
    shutil.copy(run_dir / "run.json", target)
    metrics = target / assigned(text, "VERL_FILE_LOGGER_PATH")
    metrics.parent.mkdir(parents=True)
    script = target / "command.sh"
    script.write_text(text)
    # The printed command says `python`: that of this process, whatever the shell would find.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"} | {"PATH": path}
    log = target / "bare.log"
    child = Child(["bash", str(script)], environment, log, label=target.name)
    try:
        child.watch(lambda: metrics, lambda: False)
    finally:
        end_processes(target)
    return _outcome(child, target, metrics)


def step_metrics(metrics: Path) -> list[dict[str, float]]:
    """verl's metrics file as one mapping a step, in order; `step` is its number."""
    return [{"step": step, **found} for step, found in sorted(steps_of_file(metrics).items())]


def bare_text(
    text: str, run_dir: str, target: str, added: Mapping[str, str], steps: int | None
) -> str:
    """A printed command for another folder, with assignments after its own."""
    text = text.replace(run_dir, target)
    if steps is not None:
        text = re.sub(r"(trainer\.total_training_steps=)\d+", rf"\g<1>{steps}", text)
    lines = "".join(f"  {name}={shlex.quote(value)} \\\n" for name, value in added.items())
    return text.replace("  python -m ", f"{lines}  python -m ", 1)


def assigned(text: str, name: str) -> str:
    """The value that a printed command gives a variable; empty where it gives none."""
    found = re.search(rf"^ +{name}=(.*?) *\\?$", text, re.MULTILINE)
    return shlex.split(found.group(1))[0] if found else ""


def _outcome(child: Child, run_dir: Path, metrics: Path | None) -> RunOutcome:
    return RunOutcome(
        run_dir=run_dir,
        log=child.log,
        metrics=metrics or run_dir / "logs" / METRICS_LOG,
        started_at=child.started_at,
        seconds=child.seconds,
        step_ends=dict(child.step_ends),
    )


def _runs(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("*/run.json"))


def _metrics(run_dir: Path) -> list[Path]:
    """Metrics files of a run's attempts, in their order."""
    found = run_dir.glob(f"logs/attempt_*/{METRICS_LOG}")
    return sorted(found, key=lambda path: int(path.parent.name.removeprefix("attempt_")))


def _python_path() -> dict[str, str]:
    """The printed command's PYTHONPATH is the project alone; packages may lie in another folder."""
    base = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), base])} if base else {}
