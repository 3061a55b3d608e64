"""Prints one table: this project's graders beside math-verify's, verl's and lm-eval's, on the same
labelled items in one run.

    python bench/grading.py [--data FILE] [--only NAME ...] [--limit ROWS]

FILE has one JSON object a line: id, gold, response_or_prediction, kind (answer or response), label
(true: equivalent) and convention (null: careful people agree). Every grader runs in a process of
its own that is killed when an item takes 20 s.
"""

import argparse
import importlib.util
import json
import os
import random
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grading_peers import PEERS, spoken

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "benchmarks" / "grading_dev.jsonl"
ADVERSARIAL = ROOT / "tests" / "evals" / "grading" / "test_adversarial.py"
ITEM_LIMIT_S = 20.0
ADVERSARIAL_LIMIT_S = 12.0
START_LIMIT_S = 180.0
WARM_UP = (("7", "\\boxed{7}"), ("\\frac{1}{2}", "\\boxed{0.5}"), ("x+1", "\\boxed{1+x}"))
WORKING = "so we get $x^2 + 3$ then \\frac{1}{2} hence 17 + 25 = 42 wait check again"
ANTLR = "antlr4-python3-runtime==4.11.0"
HOUSE = (
    "reprise",
    "math_verify",
    "qwen",
    "mathd_sympy",
    "minerva",
    "strict_box",
    "dapo",
    "last_number",
    "gsm8k_strict",
)
ORDER = ("reprise", *PEERS, *HOUSE[1:])


class NoVerdict(Exception):
    """The grader said nothing in time, raised, or its process ended."""


@dataclass
class Process:
    """One grader's process and the CPU time that it and its children have used."""

    name: str
    extra_path: str | None = None
    spent_s: float = 0.0
    """CPU time of processes that were killed or ended."""
    running: subprocess.Popen[str] | None = None
    before_s: float = 0.0
    """CPU time of the running process when it was ready."""

    def start(self) -> None:
        path = os.pathsep.join(filter(None, [self.extra_path, str(ROOT)]))
        self.running = subprocess.Popen(
            [sys.executable, str(ROOT / "bench" / "grading_peers.py"), self.name],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        for gold, response in WARM_UP:
            self.ask(gold, response, START_LIMIT_S)
        self.before_s = tree_cpu_s(self.running.pid)

    def ask(self, gold: str, response: str, limit_s: float) -> tuple[bool, float]:
        """(accepted, wall seconds)."""
        if self.running is None:
            self.start()
        assert self.running is not None and self.running.stdin and self.running.stdout
        try:
            self.running.stdin.write(json.dumps([gold, response]) + "\n")
            self.running.stdin.flush()
        except OSError as error:
            self.stop()
            raise NoVerdict("process ended") from error
        ready, _, _ = select.select([self.running.stdout], [], [], limit_s)
        line = self.running.stdout.readline() if ready else ""
        if not line:
            self.stop()
            raise NoVerdict("limit" if not ready else "process ended")
        accepted, error_name, wall_s = json.loads(line)
        if error_name:
            raise NoVerdict(error_name)
        return accepted, wall_s

    def cpu_s(self) -> float:
        """CPU time of all that was asked, warm-up left out."""
        live = tree_cpu_s(self.running.pid) - self.before_s if self.running else 0.0
        return self.spent_s + live

    def stop(self) -> None:
        """Ends the process and its children."""
        if self.running is None:
            return
        self.spent_s = self.cpu_s()
        for pid in [self.running.pid, *descendants(self.running.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.running.communicate()
        self.running = None


def descendants(pid: int) -> list[int]:
    """Children, their children and so on."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []
    return [d for child in children for d in (child, *descendants(child))]


def tree_cpu_s(pid: int) -> float:
    """User and system time of a process, its children and the children that have ended."""
    ticks = 0
    for one in (pid, *descendants(pid)):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass
class Result:
    """What one grader did on all rows."""

    name: str
    accepted: dict[str, bool] = field(default_factory=dict)
    """Row id -> verdict; no verdict counts as refused."""
    wall_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    silent: list[str] = field(default_factory=list)
    adversarial: str = "not run"


def measure(name: str, rows: list[dict[str, Any]], extra_path: str | None) -> Result:
    """Grades every row, then the adversarial items, one by one."""
    process, result = Process(name, extra_path), Result(name)
    process.start()
    for row in rows:
        try:
            accepted, wall_s = process.ask(row["gold"], spoken(name, row), ITEM_LIMIT_S)
        except NoVerdict:
            accepted, wall_s = False, ITEM_LIMIT_S
            result.silent.append(row["id"])
        result.accepted[row["id"]] = accepted
        result.wall_s.append(wall_s)
    result.cpu_s = process.cpu_s()
    result.adversarial = adversarial(process)
    process.stop()
    return result


def adversarial(process: Process) -> str:
    """How many adversarial items get no verdict within 12 s."""
    items = adversarial_items()
    if items is None:
        return "not run"
    silent = 0
    for gold, response in items:
        try:
            process.ask(gold, response, ADVERSARIAL_LIMIT_S)
        except NoVerdict:
            silent += 1
    return f"{silent}/{len(items)}"


def adversarial_items() -> list[tuple[str, str]] | None:
    """(gold, response) of the adversarial set of the tests; None when it is not there."""
    if not ADVERSARIAL.exists():
        return None
    spec = importlib.util.spec_from_file_location("adversarial", ADVERSARIAL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [*module.RIGHT.values(), *module.WRONG.values()]


def line_of(result: Result, rows: list[dict[str, Any]]) -> str:
    """One row of the table."""
    core = [row for row in rows if row["convention"] is None]
    apart = [row for row in rows if row["convention"] is not None]
    wrong = [row for row in core if result.accepted[row["id"]] != row["label"]]
    missed = sum(row["label"] for row in wrong)
    free = [row for row in wrong if row["kind"] == "response"]
    agreed = sum(result.accepted[row["id"]] == row["label"] for row in apart)
    ms = sorted(1000 * s for s in result.wall_s)
    speed = len(rows) / max(result.cpu_s, 1 / os.sysconf("SC_CLK_TCK"))
    cells = (
        f"{result.name:18}",
        f"{1 - len(wrong) / len(core):.4f}",
        f"{missed:4}",
        f"{len(wrong) - missed:4}",
        f"{len(free):5}",
        f"{agreed:4}/{len(apart)}",
        f"{speed:8.0f}",
        f"{statistics.median(ms):6.1f} {ms[int(0.99 * (len(ms) - 1))]:7.0f} {ms[-1]:7.0f}",
        f"{len(result.silent):5}",
        f"{result.adversarial:>9}",
    )
    return " | ".join(cells)


HEADER = (
    "grader             | core   |   FN |   FP | resp. | convent. | items/s  |    p50     p99 "
    "    max |   no  | adversar.\n"
    "                   | acc.   |      |      | wrong | agreed   | per core |            ms    "
    "        | verd. | silent"
)


def antlr_path(folder: str) -> str | None:
    """A folder with the antlr that lm-eval's minerva_math insists on, which Hydra cannot have."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, ANTLR]
    done = subprocess.run(command, capture_output=True, check=False)
    return folder if done.returncode == 0 else None


def read_rows(path: Path, limit: int | None) -> list[dict[str, Any]]:
    """The labelled items; labels as booleans."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return rows[:limit]


def long_responses() -> list[tuple[str, str]]:
    """30 problems x 64 samples shaped like AIME24: 20 000 characters of working, then a box."""
    draw = random.Random(0)
    words = WORKING.split()
    pairs = []
    for _ in range(30):
        gold = str(draw.randrange(1000))
        for _ in range(64):
            working = " ".join(draw.choices(words, k=4500))[:20_000]
            answer = gold if draw.random() < 0.4 else str(draw.randrange(1000))
            pairs.append((gold, f"<think>{working}</think> The answer is $\\boxed{{{answer}}}$."))
    return pairs


START = """
import time; start = time.perf_counter()
from evals.grading import Item, grade_all
items = [Item(truth={"answer": "x+1"}, response="\\\\boxed{1+x}")] * 2
grade_all(items, workers=2)
print(time.perf_counter() - start)
"""


def print_batches(rows: list[dict[str, Any]]) -> None:
    """The pool's figures: start, the AIME24-shaped batch, independence of the worker count."""
    from evals.grading import Item, grade_all

    started = subprocess.run(
        [sys.executable, "-c", START], cwd=ROOT, check=True, capture_output=True, text=True
    )
    print(f"import + pool start + first verdicts: {float(started.stdout):.2f} s (budget 2 s)")
    batch = [Item(truth={"answer": gold}, response=text) for gold, text in long_responses()]
    start = time.perf_counter()
    grade_all(batch, workers=2)
    print(f"AIME24 x 64, 2 workers: {time.perf_counter() - start:.2f} s (budget 10 s)")
    items = [Item(truth={"answer": r["gold"]}, response=spoken("reprise", r)) for r in rows]
    timed = {}
    for workers in (1, 2):
        start = time.perf_counter()
        timed[workers] = grade_all(items, workers=workers), time.perf_counter() - start
    (one, one_s), (two, two_s) = timed[1], timed[2]
    same = "identical" if one == two else "DIFFERENT"
    print(f"1 and 2 workers: verdicts {same}; {one_s:.1f} s and {two_s:.1f} s wall")


def main() -> None:
    """The table, then the figures of the pool."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", nargs="+", choices=ORDER, default=ORDER)
    parser.add_argument("--limit", type=int, help="first rows only")
    arguments = parser.parse_args()
    rows = read_rows(arguments.data, arguments.limit)
    core = [row for row in rows if row["convention"] is None]
    positive = sum(row["label"] for row in core)
    print(f"{arguments.data.name}: {len(core)} core rows ({positive} equivalent), ", end="")
    print(f"{len(rows) - len(core)} convention rows; no verdict in {ITEM_LIMIT_S:.0f} s = refused")
    print(HEADER)
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as folder:
        antlr = antlr_path(folder) if "lm-eval minerva" in arguments.only else None
        for name in arguments.only:
            needs_antlr = name == "lm-eval minerva"
            if needs_antlr and antlr is None:
                print(f"{name:18} | not run: {ANTLR} could not be installed beside")
                continue
            results[name] = measure(name, rows, antlr if needs_antlr else None)
            print(line_of(results[name], rows), flush=True)
    if {"reprise", "math-verify"} <= results.keys():
        ratio = results["math-verify"].cpu_s / results["reprise"].cpu_s
        print(f"reprise / math-verify, items per CPU second: {ratio:.1f}")
    if importlib.util.find_spec("inspect_ai") is None:
        print("union of math-verify and inspect_ai: not run, inspect_ai is not installed")
    if "reprise" in results:
        print_batches(rows)


if __name__ == "__main__":
    main()
