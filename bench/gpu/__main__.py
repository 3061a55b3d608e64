"""`python -m bench.gpu <part>`: measures one part, or all, and writes and prints the results."""

import json
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.gpu.options import MEASURED, Options, parse
from bench.gpu.record import part_folder, write_part
from bench.gpu.table import markdown, summary
from harness.errors import RepriseError

MODULES = {
    "check": "check",
    "train": "training",
    "memory": "memory",
    "alone": "alone",
    "algorithms": "stops",
    "evaluate": "generation",
    "learn": "learning",
}
"""Part -> the module whose `measure` it is; imported when asked for."""


def main(arguments: list[str]) -> int:
    """Exit code: 1 when a part failed or something is missing, 2 for a wrong command line."""
    try:
        part, options = parse(arguments)
        if part == "table":
            print(markdown(options.out))
            return 0
    except RepriseError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return max(_one(name, options) for name in (MEASURED if part == "all" else (part,)))


def _one(part: str, options: Options) -> int:
    """One part; whatever it fails of is recorded beside what it has measured."""
    started = time.time()
    print(f"\n{part}: started; results: {part_folder(options)}", flush=True)
    try:
        module: Any = import_module(f"bench.gpu.{MODULES[part]}")
        measure: Callable[[Options], dict[str, Any]] = module.measure
        numbers = measure(options)
    except Exception as error:  # a part must not take the others with it
        print(f"{part}: failed\nerror: {error}", file=sys.stderr, flush=True)
        if not isinstance(error, RepriseError):
            traceback.print_exc()
        numbers = _measured_before(part, options, started)
        if not numbers and _is_whole(part_folder(options) / f"{part}.json"):
            print(f"{part}: the result of an earlier call stays as it is", flush=True)
            return 1
        numbers["error"] = f"{type(error).__name__}: {error}"
    numbers["part_s"] = time.time() - started
    path = write_part(options, part, numbers)
    print(f"\n{summary(part, numbers)}\n{part}: {numbers['part_s']:.0f} s; {path}", flush=True)
    return 1 if numbers.get("error") or numbers.get("missing") else 0


def _is_whole(path: Path) -> bool:
    return path.exists() and "error" not in json.loads(path.read_text())["numbers"]


def _measured_before(part: str, options: Options, started: float) -> dict[str, Any]:
    """What a part had written in this call when it failed."""
    path = part_folder(options) / f"{part}.json"
    if not path.exists() or path.stat().st_mtime < started:
        return {}
    numbers: dict[str, Any] = json.loads(path.read_text())["numbers"]
    return numbers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
