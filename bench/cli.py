"""CPU seconds of the commands that must feel instant; prints the median of five runs of each."""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = (
    ["--help"],
    ["--cfg", "job"],
    ["+repro=tinyzero", "hardware=4xA800", "action=plan"],
    ["+repro=deepscaler", "hardware=8xA100", "action=plan"],
    ["+repro=tinyzero", "hardware=4xA800", "action=emit"],
)


def cpu_seconds(arguments: list[str]) -> float:
    """User + system time of one run.py process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "run.py", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """One line a command, against the budget of 1.0 s."""
    for arguments in COMMANDS:
        cpu_seconds(arguments)  # warms the file cache
        median = statistics.median(cpu_seconds(arguments) for _ in range(5))
        print(f"{median:5.2f} s of 1.00 s CPU  run.py {' '.join(arguments)}")


if __name__ == "__main__":
    main()
