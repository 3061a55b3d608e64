"""The demo on several seeds: minutes from command to report, seconds to the first step, peak
memory, accuracy before and after. Run: python bench/demo.py [seed ...]"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]


def memory_gb(pid: int) -> float:
    """Proportional set size of a process and everything below it."""
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 2**30


def measure(seed: int, overrides: list[str]) -> bool:
    """Runs the demo once and prints its figures; true when the intervals do not overlap."""
    folder = tempfile.mkdtemp(prefix="reprise-demo-")
    words = ["run.py", "+repro=tinyzero", "hardware=cpu", f"seed={seed}", f"output_root={folder}"]
    started, peak_gb = time.time(), 0.0
    child = subprocess.Popen([sys.executable, *words, *overrides], cwd=ROOT)
    while child.poll() is None:
        peak_gb = max(peak_gb, memory_gb(child.pid))
        time.sleep(2)
    minutes = (time.time() - started) / 60
    if child.returncode:
        print(f"seed {seed}: exit code {child.returncode}")
        return False
    run = next(Path(folder).iterdir())
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    steps = [event["time"] for event in events if event["kind"] == "step"]
    scores = json.loads(next(run.glob("evaluation/*/scores.json")).read_text())
    before, after = (model["accuracy"] for model in scores["models"])
    print(
        f"seed {seed}: {minutes:.1f} min in all, {steps[0] - started:.0f} s to the end of the "
        f"first step, {(steps[-1] - steps[0]) / (len(steps) - 1):.1f} s a step, "
        f"peak {peak_gb:.1f} GiB; "
        f"accuracy {before['value']:.3f} [{before['low']:.3f}, {before['high']:.3f}] -> "
        f"{after['value']:.3f} [{after['low']:.3f}, {after['high']:.3f}]",
        flush=True,
    )
    return bool(before["high"] < after["low"])


def main(arguments: list[str]) -> int:
    """Exit code 0 when every seed's intervals are apart."""
    seeds = [int(word) for word in arguments if "=" not in word] or [1, 2, 3]
    overrides = [word for word in arguments if "=" in word]
    apart = [measure(seed, overrides) for seed in seeds]
    print(f"intervals apart on {sum(apart)} of {len(apart)} seeds")
    return 0 if all(apart) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
