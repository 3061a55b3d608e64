"""Stand-ins for SLURM's commands in PATH, and runs to hand to them; the tests of submission and of
slurm/job.sh use them."""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pytest import MonkeyPatch

from harness.spec import RunSpec, SlurmLaunch
from harness.submit.script import Place
from tests.composing import spec_of

PLACE = Place(
    working=Path("/shared/work"),
    submission=Path("/shared/outputs/submissions/20260101-120000-1a2b"),
    code=Path("/shared/outputs/code/0123456789ab"),
    python="/shared/venv/bin/python",
)
SBATCH = """
n=$(($(cat "$S/count" 2>/dev/null || echo 0) + 1))
echo $n >"$S/count"
env >"$S/environment"
if [ -f "$S/refuse_$n" ]; then cat "$S/refuse_$n" >&2; exit 1; fi
echo "Submitted batch job $((100 + n))"
"""
"""The n-th call answers job 100 + n, or refuses with what lies in refuse_<n>."""


class Stubs:
    """A folder at the head of PATH with small shell scripts that note how they are called."""

    def __init__(self, folder: Path, monkeypatch: MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def add(self, name: str, body: str = "") -> None:
        """A command; $S is this folder."""
        note = 'printf "%s\\037" "$@" >>"$S/$(basename "$0").calls"\n'
        note += 'printf "\\036" >>"$S/$(basename "$0").calls"\n'
        path = self.folder / name
        path.write_text(f"#!/bin/bash\nS='{self.folder}'\n{note}{body}\n")
        path.chmod(0o755)

    def calls(self, name: str) -> list[list[str]]:
        """The arguments of each call, in order."""
        path = self.folder / f"{name}.calls"
        text = path.read_text() if path.exists() else ""
        return [call.split("\x1f")[:-1] for call in text.split("\x1e")[:-1]]

    def slurm(self, *, max_array_size: int = 1001) -> None:
        """What a submission asks: sbatch, scontrol show config, sinfo."""
        self.add("sbatch", SBATCH)
        self.add("scontrol", f"echo 'MaxArraySize            = {max_array_size}'")
        self.add("sinfo", "echo PARTITION...; echo 'gpu limit 1-00:00:00 2 nodes gpu:a800:8'")


@cache
def composed(*overrides: str) -> RunSpec:
    """The frozen run of a command line; composed once."""
    return spec_of(*overrides)


def slurm_run(output_root: Path, *overrides: str, seed: int = 1) -> RunSpec:
    """A run with launch=slurm below a folder."""
    spec = composed("launch=slurm", *overrides)
    return spec.model_copy(update={"output_root": str(output_root), "seed": seed})


def with_launch(spec: RunSpec, **fields: object) -> RunSpec:
    """The run with other fields of launch."""
    assert isinstance(spec.launch, SlurmLaunch)
    launch = SlurmLaunch.model_validate({**spec.launch.model_dump(), **fields})
    return spec.model_copy(update={"launch": launch})


def pairs(specs: Iterable[RunSpec]) -> list[tuple[RunSpec, SlurmLaunch]]:
    """What shapes.grouped takes."""
    return [(spec, spec.launch) for spec in specs if isinstance(spec.launch, SlurmLaunch)]
