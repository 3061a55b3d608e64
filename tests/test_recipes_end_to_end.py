"""Every recipe in miniature on the CPU profile, through real verl: its own reward, prompt,
estimator, loss and chain. tests/recipe_share.py says which of them a test run takes."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evals.scores import Scores
from harness.chain import Leg, legs
from harness.explain import options
from harness.plan.batches import planned_steps
from harness.rundir import read_events, run_name
from harness.spec import RLAlgorithm
from harness.steps import effective_steps
from tests.composing import spec_of
from tests.recipe_share import share

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def log_tail(folder: Path) -> str:
    logs = sorted(folder.rglob("verl.log"), key=lambda path: path.stat().st_mtime)
    return logs[-1].read_text()[-3000:] if logs else "no verl.log"


def weights(model: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: value for file in model.glob("*.safetensors") for name, value in
            load_file(file).items()}  # fmt: skip


def changed(before: Path, after: Path) -> bool:
    """Do two exported models have the same parameters with other values?"""
    old, new = weights(before), weights(after)
    assert set(new) <= set(old) | {"lm_head.weight"} and new
    return any(not bool((old[name] == new[name]).all()) for name in set(old) & set(new))


def check_training(leg: Leg, folder: Path) -> None:
    """Every step has finite metrics and as many scored responses as it asked for."""
    steps = effective_steps(read_events(folder / "events.jsonl"))
    steps.pop(0, None)  # a validation before the first step
    assert list(steps) == list(range(1, (planned_steps(leg.spec) or 0) + 1))
    for metrics in steps.values():
        assert all(
            metrics[name] == metrics[name] for name in ("critic/score/mean", "actor/pg_loss")
        )
    assert isinstance(leg.spec.algorithm, RLAlgorithm)
    wanted = leg.spec.algorithm.prompts_per_step * leg.spec.algorithm.group_size
    lines = [
        json.loads(line)
        for log in folder.glob("logs/attempt_*/rewards/*.jsonl")
        for line in log.read_text().splitlines()
    ]
    scored = [line for line in lines if line["split"] == "train"]
    assert len(scored) >= wanted * len(steps)
    assert len({line["score"] for line in scored}) > 1, "every response earned the same reward"


@pytest.mark.parametrize("recipe", share(options("repro")))
def test_the_recipe_runs_in_miniature(recipe: str, tmp_path: Path) -> None:
    root = Path(os.environ.get("REPRISE_RUNS", tmp_path))
    done = subprocess.run(
        [sys.executable, "run.py", f"+repro={recipe}", f"output_root={root}"],
        cwd=ROOT, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    spec = spec_of(f"+repro={recipe}", f"output_root={root}")
    run = root / run_name(spec)
    assert done.returncode == 0, f"{recipe}:\n{done.stdout}{done.stderr}\n{log_tail(run)}"
    assert spec.miniature
    assert json.loads((run / "status.json").read_text())["state"] == "done"
    trained = legs(spec)
    for leg in trained:
        check_training(leg, leg.folder(run))
    models = [ROOT / spec.model.path, *(leg.folder(run) / "model" for leg in trained)]
    assert all(changed(before, after) for before, after in pairwise(models))
    (measured,) = run.glob("evaluation/*/*/scores.json")
    scores = Scores.model_validate_json(measured.read_bytes())
    assert not scores.invalid and [model.label for model in scores.models] == ["base", "trained"]
    assert (run / "report.html").stat().st_size > 10_000
