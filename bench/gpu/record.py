"""The result files of the GPU measurements; every part writes through it, the table reads them."""

import json
import re
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from bench.gpu.machine import device_facts, versions
from bench.gpu.options import Options
from harness import provenance
from harness.errors import RepriseError
from harness.files import write_json
from harness.paths import ROOT

NO_COMMIT = "nocommit"

code = cache(provenance.code)
"""One call writes under one commit, whatever happens to the repository meanwhile."""


def write_part(options: Options, part: str, numbers: dict[str, Any]) -> Path:
    """Writes `<out>/<device>-<commit>/<part>.json` and returns it; a part may write again and again
    as its numbers come in."""
    device, state = device_facts(options.on_gpu), code()
    commit = state["commit"] or options.commit
    content = {
        "part": part,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "dirty": is_dirty(state, options),
        "device": device,
        "versions": versions(),
        "arguments": {
            "hardware": options.hardware,
            "model": options.model,
            "steps": options.steps,
            "overrides": list(options.overrides),
            "command": ["python", *sys.orig_argv[1:]],
        },
        "numbers": numbers,
    }
    path = result_folder(options, device, commit) / f"{part}.json"
    write_json(path, content)
    return path


def part_folder(options: Options) -> Path:
    """Where this call's result files go; a part may lay other small files there."""
    commit = code()["commit"] or options.commit
    return result_folder(options, device_facts(options.on_gpu), commit)


def result_folder(options: Options, device: dict[str, Any], commit: str | None) -> Path:
    """`<out>/<device>-<first seven digits of the commit>`."""
    name = slug(device, on_gpu=options.on_gpu)
    return options.out / f"{name}-{commit[:7] if commit else NO_COMMIT}"


def slug(device: dict[str, Any], *, on_gpu: bool) -> str:
    """The device as a folder name: `cpu`, `nvidia-h200`, `8x-nvidia-a100`."""
    if not on_gpu:
        return "cpu"
    if not device["name"]:
        return "no-gpu"
    name = re.sub(r"[^a-z0-9]+", "-", str(device["name"]).lower()).strip("-")
    return name if device["count"] == 1 else f"{device['count']}x-{name}"


def is_dirty(state: dict[str, Any], options: Options) -> bool | None:
    """Whether the code differs from its commit, results aside; null where git knows none."""
    if state["commit"] is None:
        return None
    mine = [path for path in (options.out, options.scratch) if path.is_relative_to(ROOT)]
    foreign = [
        name
        for name in state["untracked"]
        if not any((ROOT / name).is_relative_to(folder) for folder in mine)
    ]
    return bool(state["diff"] or foreign)


def read_parts(folder: Path) -> list[dict[str, Any]]:
    """Every result file in a folder and below it, by folder and part.

    Raises:
        RepriseError: a file is damaged.
    """
    found = []
    for path in sorted(folder.glob("**/*.json")):
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise RepriseError(
                f"{path} is damaged ({error}): delete it, or measure its part again"
            ) from error
        if isinstance(content, dict) and {"part", "device", "numbers"} <= set(content):
            found.append(content | {"folder": path.parent.name})
    return found
