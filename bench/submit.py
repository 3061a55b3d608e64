"""Cost of submitting sweeps of 10, 200 and 1000 runs, beside the stock Hydra launcher of submitit;
SLURM's commands are stubs. Budget: 8 s CPU and 2 sbatch calls for 200 runs; 1000 at most 5 times.

CPU is user + system time of the command with all its children (git, sbatch), wall time runs from
its start to its exit, calls are counted by the stubs, files by a look at the output folder (the
snapshot of the code is among ours).

The stock side is hydra-submitit-launcher 1.2.0 over the same conf/ and overrides, with a task that
does nothing, one set of resources for all runs (it knows no more), and its wait for results
answered at once: it is measured up to and including sbatch, like ours. What its jobs compose anew
on their nodes, and what they would run, is not counted; ours has frozen and checked each run and
copied the code by then. Needs pip's index for the stock launcher, which goes into a temporary
folder (`--no-stock` leaves it out).
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
STOCK = "hydra-submitit-launcher==1.2.0"
BUDGET_CPU_S = 8.0
BUDGET_CALLS = 2
BUDGET_GROWTH = 5.0
SWEEPS = {
    10: ["+repro=tinyzero", "hardware=4xA800,8xA100", "seed=range(1,6)"],
    200: ["+repro=tinyzero,logic_rl", "hardware=4xA800,8xA100", "seed=range(1,51)"],
    1000: ["+repro=tinyzero,logic_rl", "hardware=4xA800,8xA100", "seed=range(1,251)"],
}
"""Runs -> the sweep; two sets of resources each."""

STUBS = {
    "sbatch": 'echo "Submitted batch job $$"',
    "scontrol": 'echo "MaxArraySize = 1001"',
    "squeue": "",
    "sacct": "",
    "srun": "",
}
APP = '''"""A Hydra application whose tasks do nothing, on the stock launcher; it does not wait."""
import hydra
import submitit
from hydra.core.utils import JobReturn, JobStatus

submitit.Job.results = lambda job: [JobReturn(status=JobStatus.COMPLETED)]

@hydra.main(version_base=None, config_path="{conf}", config_name="config")
def nothing(config):
    pass

nothing()
'''
STOCK_SETTINGS = ("hydra/launcher=submitit_slurm", "hydra/sweeper=basic",
                  "hydra.launcher.partition=gpu", "hydra.launcher.nodes=1",
                  "hydra.launcher.gpus_per_node=8", "hydra.launcher.cpus_per_task=64",
                  "hydra.launcher.mem_gb=768", "hydra.launcher.timeout_min=1440",
                  "hydra.launcher.array_parallelism=64")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one command took."""

    cpu_s: float
    wall_s: float
    sbatch_calls: int
    files: int
    megabytes: float

    def text(self) -> str:
        """A row of the table."""
        return (
            f"{self.cpu_s:7.2f} {self.wall_s:7.2f} {self.sbatch_calls:7d} {self.files:7d} "
            f"{self.megabytes:7.1f}"
        )


def stubs(folder: Path) -> None:
    """SLURM's commands, which log their calls into `<name>.calls`."""
    folder.mkdir(parents=True)
    for name, answer in STUBS.items():
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "$@" >>{folder}/{name}.calls\n{answer}\n')
        path.chmod(0o755)


def cost(words: Sequence[str], output: Path, **variables: str) -> Cost:
    """Runs a command with fresh stubs; raises CalledProcessError with its output if it fails."""
    bin_folder = output.with_suffix(".bin")
    stubs(bin_folder)
    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"} | variables
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    wall_s, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    calls = bin_folder / "sbatch.calls"
    paths = [path for path in output.rglob("*") if path.is_file()]
    return Cost(
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        wall_s=wall_s,
        sbatch_calls=len(calls.read_text().splitlines()) if calls.exists() else 0,
        files=len(paths),
        megabytes=sum(path.stat().st_size for path in paths) / 2**20,
    )


def ours(runs: int, output: Path) -> Cost:
    """`run.py -m ... launch=slurm` into a new folder."""
    words = [sys.executable, "run.py", "-m", *SWEEPS[runs], "launch=slurm"]
    return cost([*words, f"output_root={output}"], output)


def stock(runs: int, output: Path, packages: Path) -> Cost:
    """The same sweep with the stock launcher."""
    app = output.with_suffix(".py")
    app.write_text(APP.format(conf=ROOT / "conf"))
    words = [sys.executable, str(app), "-m", *SWEEPS[runs], *STOCK_SETTINGS]
    folders = [f"hydra.sweep.dir={output}", "hydra.sweep.subdir=${hydra.job.num}"]
    return cost([*words, *folders], output, PYTHONPATH=f"{packages}:{ROOT}")


def install_stock(folder: Path) -> Path:
    """The stock launcher beside this environment, never in it: every Hydra start imports it."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), STOCK], check=True)
    return folder


def show(found: dict[int, Cost], theirs: Cost | None) -> None:
    """Prints the ratios, how far the budgets are, and what one run more costs."""
    two_hundred, thousand = found[200], found[1000]
    print(f"\n200 runs: {two_hundred.cpu_s:.2f} of {BUDGET_CPU_S:g} s CPU, "
          f"{two_hundred.sbatch_calls} of {BUDGET_CALLS} sbatch calls")  # fmt: skip
    print(f"1000 / 200 runs: {thousand.cpu_s / two_hundred.cpu_s:.2f} of {BUDGET_GROWTH:g} in CPU, "
          f"{thousand.wall_s / two_hundred.wall_s:.2f} in wall time")  # fmt: skip
    further = 1000 - 200
    each_ms = 1000 * (thousand.cpu_s - two_hundred.cpu_s) / further
    each_kb = 1024 * (thousand.megabytes - two_hundred.megabytes) / further
    each_files = (thousand.files - two_hundred.files) / further
    print(f"each further run: {each_ms:.1f} ms CPU, {each_files:.1f} files, {each_kb:.0f} kB")
    if theirs:
        print(f"stock / ours, 200 runs: {theirs.cpu_s / two_hundred.cpu_s:.1f} in CPU, "
              f"{theirs.wall_s / two_hundred.wall_s:.1f} in wall time")  # fmt: skip


def main() -> None:
    """Prints a row a sweep, then the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-stock", action="store_true", help="only this project's launcher")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("                 CPU s  wall s  sbatch   files      MB")
    with tempfile.TemporaryDirectory() as name:
        folder, found, theirs = Path(name), {}, None
        ours(10, folder / "warm")  # the file cache
        for runs in SWEEPS:
            found[runs] = ours(runs, folder / f"ours{runs}")
            print(f"ours  {runs:6d} {found[runs].text()}", flush=True)
        if not options.no_stock:
            packages = install_stock(folder / "packages")
            theirs = stock(200, folder / "stock200", packages)
            print(f"stock {200:6d} {theirs.text()}", flush=True)
        show(found, theirs)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
