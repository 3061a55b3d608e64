"""Injects faults into a real training on the development cluster and checks what is left of it:
`python bench/faults.py --faults 20 [--trainer sft|rl]` prints a line a fault, then the outcome."""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = ROOT / "slurm" / "dev" / "cluster.py"
KINDS = ("node_killed", "preemption", "time_limit")
PATIENCE_S = 600.0

SFT = ("algorithm=sft", "data=countdown_demonstrations", "data.test_rows=16")
RL = ("+repro=tinyzero", "algorithm.prompts_per_step=4", "algorithm.mini_batch_prompts=4",
      "data.train_rows=64", "data.test_rows=16")  # fmt: skip
SMALL_EVAL = "eval.benchmarks=[{name: held_out, samples_per_problem: 2, max_problems: 8}]"

Json = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One injected fault, and where the training went on."""

    kind: str
    saved: int
    """Last complete checkpoint when it was injected."""
    resumed: int
    """Step from which the next attempt went on."""
    seconds: float
    """From the fault to the first step after it."""


@dataclass
class Harm:
    """A submitted run on a cluster that can be harmed."""

    cluster: Path
    run: Path
    faults: list[Fault] = field(default_factory=list)

    def slurm(self, *words: str) -> str:
        """Output of a SLURM command."""
        environment = os.environ | {"SLURM_CONF": str(self.cluster / "slurm.conf")}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def job(self) -> str:
        """The run's array task."""
        jobs = json.loads((self.run / "submit.json").read_text())["jobs"]
        return f"{jobs[0]['job_id']}_{jobs[0]['index']}"

    def inject(self, kind: str) -> Fault:
        """Harms the run in mid-training, and waits until it trains again."""
        before = self.saved()
        wait_for(lambda: self.saved() > before and self.training(), "a new checkpoint")
        starts = self.train_starts()
        saved, since = self.saved(), time.monotonic()
        repair = getattr(self, f"_{kind}")()
        wait_for(lambda: len(self.train_starts()) > len(starts), f"a new attempt after {kind}")
        repair()
        resumed = self.train_starts()[-1]
        wait_for(lambda: self.last_step() > resumed, "a step of the new attempt")
        fault = Fault(kind, saved, resumed, time.monotonic() - since)
        self.faults.append(fault)
        return fault

    def _node_killed(self) -> Callable[[], object]:
        node = self.slurm("squeue", "-h", "-j", self.job(), "-o", "%N")
        cluster(self.cluster, "crash", node)
        return lambda: cluster(self.cluster, "revive", node)

    def _preemption(self) -> Callable[[], object]:
        node = self.slurm("squeue", "-h", "-j", self.job(), "-o", "%N")
        other = ("sbatch", "--partition=urgent", f"--nodelist={node}", "--exclusive", "--time=1")
        self.slurm(*other, "--output=/dev/null", "--wrap=sleep 5")
        return lambda: None

    def _time_limit(self) -> Callable[[], object]:
        used = self.slurm("squeue", "-h", "-j", self.job(), "-o", "%M")
        parts = [int(part) for part in used.split(":")]
        minutes = sum(p * 60**i for i, p in enumerate(reversed(parts))) // 60 + 1
        job = f"JobId={self.job()}"
        self.slurm("scontrol", "update", job, f"TimeLimit={minutes}")
        return lambda: self.slurm("scontrol", "update", job, "TimeLimit=60")

    def events(self) -> list[Json]:
        """The run's event log."""
        path = self.run / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def train_starts(self) -> list[int]:
        """The step from which each attempt trained."""
        return [event["start"] for event in self.events() if event["kind"] == "train_started"]

    def last_step(self) -> int:
        """The newest step of the newest attempt."""
        steps = [event for event in self.events() if event["kind"] == "step"]
        newest = max((event["attempt"] for event in steps), default=0)
        return max((e["step"] for e in steps if e["attempt"] == newest), default=0)

    def saved(self) -> int:
        """The step of verl's last finished save."""
        tracker = self.run / "checkpoints" / "latest_checkpointed_iteration.txt"
        return int(tracker.read_text()) if tracker.exists() else 0

    def state(self) -> Json:
        """status.json."""
        path = self.run / "status.json"
        content: Json = json.loads(path.read_text()) if path.exists() else {}
        return content

    def training(self) -> bool:
        """Between two steps, not before the first or after the last."""
        state = self.state()
        ended = state.get("state") in ("done", "failed")
        assert not ended, f"the run ended before all faults were injected: {state}"
        return state.get("stage") == "train" and state.get("state") == "running"

    def problems(self, steps: int) -> list[str]:
        """What is wrong with the finished run; empty if nothing is."""
        sys.path.insert(0, str(ROOT))
        from harness.steps import effective_steps

        found = []
        if (state := self.state()).get("state") != "done":
            found.append(f"the run is {state}")
        recorded = list(effective_steps(self.events()))
        if recorded != list(range(1, steps + 1)):
            found.append(f"steps in the record: {len(recorded)}, asked: {steps}")
        for fault in self.faults:
            if fault.resumed < fault.saved - 1:
                found.append(f"{fault}: steps were lost beyond the last checkpoint")
        return found


def wait_for(what: Callable[[], bool], name: str) -> None:
    """Returns once it is so."""
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until, f"{name} did not come within {PATIENCE_S:.0f} s"
        time.sleep(0.5)


def cluster(folder: Path, verb: str, *words: str) -> None:
    """A command of the development cluster."""
    subprocess.run(
        [sys.executable, str(CLUSTER), verb, "--folder", str(folder), *words],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def submit(folder: Path, output_root: Path, overrides: Sequence[str]) -> Harm:
    """Submits one run by the command line."""
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    words = [*overrides, SMALL_EVAL, "launch=slurm", "launch.profile=dev", "launch.max_attempts=99"]
    subprocess.run(
        [sys.executable, "run.py", *words, f"output_root={output_root}"],
        cwd=ROOT, env=environment, check=True,
    )  # fmt: skip
    (run,) = (path.parent for path in output_root.glob("*/run.json"))
    return Harm(folder, run)


def main() -> int:
    """Exit code 0 if the run survived every fault with nothing lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--trainer", choices=("sft", "rl"), default="sft")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    given = parser.parse_args()
    # A time limit comes up to a minute after it is asked for.
    steps = 20 * given.faults
    overrides = [*(SFT if given.trainer == "sft" else RL), f"schedule.steps={steps}",
                 "schedule.save_every=1"]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="reprise-faults-", dir="/tmp") as folder:
        slurm = Path(folder) / "slurm"
        cluster(slurm, "start", "--nodes", "cpu", "cpu")
        try:
            harm = submit(slurm, Path(folder) / "outputs", overrides)
            for kind in itertools.islice(itertools.cycle(given.kinds), given.faults):
                fault = harm.inject(kind)
                went_on = f"resumed from {fault.resumed}, a step after {fault.seconds:.0f} s"
                print(f"{len(harm.faults):3} {kind:12} saved {fault.saved}, {went_on}", flush=True)
            wait_for(lambda: harm.state().get("state") in ("done", "failed"), "the end")
            problems = harm.problems(steps)
        finally:
            cluster(slurm, "stop")
    survived = f"{len(harm.faults)} of {given.faults} faults survived"
    whole = f"each of {steps} steps once in the record, none lost beyond the last checkpoint"
    print("\n".join(problems) or f"{survived}: done, {whole}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
