"""Seconds of `action=status` for 1000 runs, and how often SLURM is asked; squeue is a stub.

Run folders as a sweep leaves them: a third done, the rest queued, running, interrupted or failed; a
running one has an event log of 1 MB. Budget: 2 s, one squeue call.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUDGET_S = 2.0
ARRAYS = ("100", "200")
STATES = ("done", "done", "running", "queued", "interrupted", "failed")
LOG_BYTES = 1_000_000
STUB = """#!/bin/sh
echo "$@" >>{folder}/calls
cat {folder}/rows
"""


def stamp(seconds: float) -> str:
    """As status.json has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))


def events(steps: int, now: float) -> str:
    """A training's event log of about LOG_BYTES, or of a few steps."""
    metrics = {f"actor/metric_{n}": random.random() for n in range(70)}
    lines = [
        {"time": now - 60 * (steps - step), "attempt": 1, "kind": "step", "step": step,
         "metrics": metrics | {"critic/score/mean": step / steps}}
        for step in range(1, steps + 1)
    ]  # fmt: skip
    return "".join(json.dumps({**line, "stage": "train"}) + "\n" for line in lines)


def make(root: Path, number: int) -> list[str]:
    """Run folders below `root`; squeue's rows about them."""
    now, rows = time.time(), []
    long_log, short_log = events(LOG_BYTES // 2500, now), events(12, now)
    for i in range(number):
        run, state = root / f"tinyzero-qwen2.5-3b-grpo-4xA800-s{i}-{i:08x}", STATES[i % 6]
        array, index = ARRAYS[i % 2], i // 2
        run.mkdir(parents=True)
        spec = {"field": "x" * 12_000}
        (run / "run.json").write_text(json.dumps({"identity": f"{i:016x}", "spec": spec}))
        job = {"job_id": array, "index": index, "part": "all"}
        submit = {"submission": str(root / "submissions/1"), "submitted_at": stamp(now - 9e4)}
        (run / "submit.json").write_text(json.dumps(submit | {"jobs": [job]}))
        status = {"state": state, "attempt": 1, "pid": 9, "host": f"node{i}", "steps": 400}
        status |= {"stage": "train", "updated_at": stamp(now - (9e4 if state == "queued" else 600))}
        if state == "failed":
            status |= {"cause": "error", "reason": "TrainingError: CUDA error: device-side assert"}
        (run / "status.json").write_text(json.dumps(status))
        if state != "queued":
            (run / "events.jsonl").write_text(long_log if state == "running" else short_log)
        word = {"running": "RUNNING", "done": "COMPLETED", "failed": "FAILED"}.get(state, "PENDING")
        start = "2026-01-01T00:00:00" if word != "PENDING" else "N/A"
        node = "" if word == "PENDING" else f"node{i}"
        rows.append(f"{array}|{index}|{word}|0|0|{start}|{node}|Priority|")
    return rows


def main() -> None:
    """Prints seconds of the whole command, and the calls of squeue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--show", action="store_true", help="print the table itself, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = make(folder / "outputs", options.runs)
        (folder / "rows").write_text("\n".join(rows) + "\n")
        stub = folder / "squeue"
        stub.write_text(STUB.format(folder=folder))
        stub.chmod(0o755)
        environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            [sys.executable, "run.py", "action=status", f"runs={folder / 'outputs'}"],
            cwd=ROOT, env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        calls = len((folder / "calls").read_text().splitlines())
    if options.show:
        print(done.stdout)
    print(f"{options.runs} runs: {wall:.2f} s wall, {cpu:.2f} s CPU of {BUDGET_S} s")
    print(f"squeue calls: {calls} of 1")


if __name__ == "__main__":
    main()
