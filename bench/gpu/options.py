"""What one call of `python -m bench.gpu` asks for; the command line and every part read it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir

from harness.errors import ConfigError
from harness.explain import CONF_DIR, options
from harness.paths import ROOT

TINY = "tiny"
"""The model that ships with the project; every other name is a choice of conf/model."""
MEASURED = ("check", "train", "memory", "alone", "algorithms", "evaluate", "learn")
"""Parts that measure, in the order of `all`."""
PARTS = (*MEASURED, "all", "table")

HELP = {
    "check": "what this machine lacks, and how to get it",
    "train": "TinyZero through run.py and as the printed verl command, side by side",
    "memory": "peak memory of each phase against the plan; after train",
    "alone": "the same training without this project's plug-ins for the loop; after train",
    "algorithms": "GRPO, PPO and SFT: run, killed, resumed, exported",
    "evaluate": "evaluation's vLLM against LLM.generate",
    "learn": "countdown accuracy before and after",
    "all": "those above in this order; a part that fails is recorded, the others go on",
    "table": "the result files as markdown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One call, checked."""

    hardware: str
    """A choice of conf/hardware."""
    model: str
    """`tiny`, or a choice of conf/model whose shape is built with random weights."""
    steps: int
    out: Path
    """Results go into a folder of it, one for each device and commit."""
    scratch: Path
    """Runs and built models go here; nothing in it is needed afterwards."""
    commit: str | None = None
    """What git would say, for a copy of the tree that has no git."""
    overrides: tuple[str, ...] = ()
    """Hydra overrides for every run, after the part's own."""

    @property
    def on_gpu(self) -> bool:
        """Whether the hardware profile has GPUs; without, GPU-only numbers are null."""
        return device_of(self.hardware) == "cuda"


@cache
def device_of(hardware: str) -> str:
    """`cuda` or `cpu`, as the profile has it.

    Raises:
        ConfigError: there is no such profile.
    """
    if hardware not in options("hardware"):
        raise ConfigError(
            f"--hardware {hardware} is no profile of conf/hardware: choose one of "
            f"{', '.join(options('hardware'))}"
        )
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        return str(compose(f"hardware/{hardware}").hardware.device)


def parse(arguments: Sequence[str]) -> tuple[str, Options]:
    """The part and the options of a command line.

    Raises:
        ConfigError: an unknown hardware profile or model, or too few steps.
    """
    found = _parser().parse_intermixed_args(arguments)
    chosen = Options(
        hardware=found.hardware,
        model=found.model,
        steps=found.steps,
        out=found.out.expanduser().resolve(),
        scratch=found.scratch.expanduser().resolve(),
        commit=found.commit,
        overrides=tuple(found.overrides),
    )
    device_of(chosen.hardware)
    known = [TINY, *options("model")]
    if chosen.model not in known:
        raise ConfigError(f"--model {chosen.model} is unknown: choose one of {', '.join(known)}")
    if chosen.steps < 1:
        raise ConfigError(f"--steps {chosen.steps}: at least 1 step is needed")
    return str(found.part), chosen


def _parser() -> argparse.ArgumentParser:
    described = "\n".join(f"  {part:<11} {text}" for part, text in HELP.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu",
        description=f"Measures the project on a GPU machine.\n\nparts:\n{described}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=PARTS, metavar="part")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides for every run")
    parser.add_argument("--hardware", default="1xH200", help="profile (default: %(default)s)")
    parser.add_argument("--model", default="qwen2_5_0_5b", help="shape (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=24, help="of a run (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    parser.add_argument("--scratch", type=Path, default=ROOT / "outputs" / "bench-gpu")
    parser.add_argument("--commit", help="of this tree, where it is a copy without git")
    return parser
