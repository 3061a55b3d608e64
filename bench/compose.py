"""CPU seconds to compose a sweep: this project's launcher beside Hydra's own composition of the
same runs; prints a line for 10, 200 and 1000 runs."""

import sys
import time
from collections.abc import Callable

from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from harness.explain import CONF_DIR
from harness.sweep.composing import SweepComposer

RECIPES = ("tinyzero", "deepscaler")
HARDWARE = ("4xA800", "8xA100")
SIZES = (10, 200, 1000)
WORDS = [f"+repro={','.join(RECIPES)}", f"hardware={','.join(HARDWARE)}", "++seed=1,2"]


def runs(count: int) -> list[list[str]]:
    """Overrides of so many runs: recipes and hardware take turns, each with its own seeds."""
    pairs = [(recipe, hardware) for recipe in RECIPES for hardware in HARDWARE]
    chosen = [(*pairs[number % len(pairs)], number // len(pairs)) for number in range(count)]
    return [[f"+repro={r}", f"hardware={h}", f"++seed={seed}"] for r, h, seed in chosen]


def seconds(compose: Callable[[list[str]], DictConfig], sweep: list[list[str]]) -> float:
    """User + system time of this process, with all configurations kept as the launcher does."""
    started = time.process_time()
    kept = [compose(words) for words in sweep]
    spent = time.process_time() - started
    assert len(kept) == len(sweep)
    return spent


def main() -> None:
    """One line a size; Hydra's own 1000 runs take minutes and come with `--all`."""
    with initialize_config_dir(str(CONF_DIR), version_base=None):
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, ConfigLoaderImpl)
        sweep = loader.load_configuration("config", WORDS, RunMode.MULTIRUN)
        print(f"{'runs':>5}  {'ours':>16}  {'Hydra':>16}   (CPU s, runs/s)")
        for size in SIZES:
            ours = seconds(SweepComposer(loader, sweep).compose, runs(size))
            line = f"{size:5d}  {ours:6.2f} {size / ours:9.0f}"
            if size < SIZES[-1] or "--all" in sys.argv:
                theirs = seconds(lambda w: loader.load_sweep_config(sweep, w), runs(size))
                line += f"  {theirs:6.2f} {size / theirs:9.0f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
