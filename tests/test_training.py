"""What the training stage believes: every response of every step has been scored."""

import json
from pathlib import Path

import pytest

from harness.errors import TrainingError
from harness.rundir import RunDir
from harness.spec import RLAlgorithm
from harness.training import _count_rewards
from tests.composing import spec_of

FILTERED = "algorithm.filter_groups={metric: correct, prompts_per_batch: 3, max_batches: 9}"
SIZES = ["algorithm=grpo", "algorithm.prompts_per_step=2", "algorithm.mini_batch_prompts=2"]


def algorithm(*overrides: str) -> RLAlgorithm:
    made = spec_of("+repro=tinyzero", *SIZES, "algorithm.group_size=4", *overrides).algorithm
    assert isinstance(made, RLAlgorithm)
    return made


def run_with(
    folder: Path, scored: int, metrics: dict[str, float], *, validated: bool = False
) -> RunDir:
    """A run whose step 1 scored so many responses and logged these metrics, perhaps after a
    validation."""
    logs = folder / "logs" / "attempt_1"
    (logs / "rewards").mkdir(parents=True)
    line = json.dumps(
        {"split": "train", "step": 1, "correct": True, "score": 1.0, "components": {}}
    )
    (logs / "rewards" / "node-1.jsonl").write_text(f"{line}\n" * scored)
    first = {"kind": "step", "step": 1, "attempt": 1, "metrics": metrics}
    before = {**first, "step": 0, "metrics": {"val-core/countdown/acc/mean@1": 0.5}}
    events = [before, first] if validated else [first]
    (folder / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return RunDir(folder)


BATCHES = "training/filter_groups/batches"


@pytest.mark.parametrize(
    ("overrides", "metrics", "expected"),
    [([], {}, 8), ([FILTERED], {BATCHES: 1.0}, 12), ([FILTERED], {BATCHES: 5.0}, 60)],
)
def test_every_response_is_scored(
    tmp_path: Path, overrides: list[str], metrics: dict[str, float], expected: int
) -> None:
    made = algorithm(*overrides)
    _count_rewards(made, run_with(tmp_path / "all", expected, metrics), {1: 1})
    for scored in (expected - 1, expected + 1):
        with pytest.raises(TrainingError, match=rf"scored {scored} responses.*{expected} were"):
            _count_rewards(made, run_with(tmp_path / str(scored), scored, metrics), {1: 1})


def test_a_validation_before_the_first_step_draws_no_training_responses(tmp_path: Path) -> None:
    _count_rewards(algorithm(), run_with(tmp_path, 8, {}, validated=True), {0: 1, 1: 1})


def test_dynamic_sampling_that_does_not_say_how_much_it_drew_is_not_believed(
    tmp_path: Path,
) -> None:
    with pytest.raises(TrainingError, match=r"0 prompts"):
        _count_rewards(algorithm(FILTERED), run_with(tmp_path, 8, {}), {1: 1})
