"""Everything a number depends on besides the configuration: code, packages, machine, command; the
pipeline writes it into the run directory at the start of every attempt."""

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CODE_RECORD = ".code.json"
"""In a snapshot of the code: what code() said where it was made."""


def collect(overrides: list[str]) -> dict[str, Any]:
    """Command, code commit and diff, package versions, machine."""
    return {
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": ["python", *sys.orig_argv[1:]],
        "overrides": overrides,
        "code": code(),
        "python": platform.python_version(),
        "packages": packages(),
        "machine": machine(),
    }


def code() -> dict[str, Any]:
    """Commit and, for a dirty tree, the difference to it; commit is null outside git."""
    if (record := ROOT / CODE_RECORD).is_file():
        found: dict[str, Any] = json.loads(record.read_text())
        return found
    commit = _git("rev-parse", "HEAD")
    diff = _git("diff", "HEAD") if commit else None
    untracked = _git("ls-files", "--others", "--exclude-standard") if commit else None
    return {"commit": commit, "diff": diff or None, "untracked": (untracked or "").splitlines()}


def packages() -> dict[str, str]:
    """Name -> version of every installed distribution."""
    found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def machine() -> dict[str, Any]:
    """Processor, memory and GPUs of this machine."""
    return {
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "gpus": gpus(),
    }


def gpus() -> list[str]:
    """Names of the NVIDIA GPUs present, without importing torch."""
    try:
        listing = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return listing.stdout.split("\n")[:-1]


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
