"""The score of a finished run, and only of a finished one."""

from pathlib import Path

import pytest

from evals.scores import Check, Scores
from harness.errors import EvaluationError
from harness.spec import RunSpec
from harness.sweep.objective import objective
from tests.composing import spec_of
from tests.sweep.conftest import Finish


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    """A run that would lie in the test's folder."""
    return spec_of(f"output_root={tmp_path}/out")


def test_it_is_the_trained_models_accuracy(spec: RunSpec, finish: Finish) -> None:
    finish(spec, 0.375)
    assert objective(spec) == 0.375


def test_a_chain_is_measured_after_its_last_stage(tmp_path: Path, finish: Finish) -> None:
    stages = "stages=[{name: a, set: {seed: 2}}, {name: b, set: {seed: 3}}]"
    spec = spec_of(f"output_root={tmp_path}/out", stages)
    finish(spec, 0.5)
    assert objective(spec) == 0.5


@pytest.mark.parametrize("state", ["failed", "interrupted", "running"])
def test_a_score_of_an_earlier_attempt_does_not_count(
    spec: RunSpec, finish: Finish, state: str
) -> None:
    finish(spec, 0.5, state=state, reason="out of memory")
    with pytest.raises(EvaluationError, match=f"is {state}: out of memory"):
        objective(spec)


def test_a_run_that_never_began(spec: RunSpec) -> None:
    with pytest.raises(EvaluationError, match=r"no readable status\.json"):
        objective(spec)


def test_no_score_and_a_damaged_one(spec: RunSpec, finish: Finish) -> None:
    path = finish(spec, None)
    for damage in (None, b"{", b"{}", b"\xff"):
        if damage is not None:
            path.write_bytes(damage)
        with pytest.raises(EvaluationError, match=r"scores\.json cannot be read"):
            objective(spec)


def test_an_invalid_score_is_none(spec: RunSpec, finish: Finish) -> None:
    path = finish(spec, 0.5)
    scores = Scores.model_validate_json(path.read_bytes())
    broken = Check(name="k per problem", passed=False, detail="3 of 4", spoils=True)
    path.write_text(scores.model_copy(update={"checks": [broken]}).model_dump_json())
    with pytest.raises(EvaluationError, match=r"INVALID.*k per problem"):
        objective(spec)
