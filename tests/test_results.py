"""What the console says about scores."""

from pathlib import Path

import pytest

from evals import run
from evals.judges import GraderJudge
from harness.results import block
from tests.evals.measuring import FakeChildren, measured, measurement, toy_set


@pytest.mark.parametrize(("detectable", "said"), [(0.12, "12.0 points"), (1.9, "so few samples")])
def test_resolution_is_a_difference_that_shares_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detectable: float, said: str
) -> None:
    boxed = FakeChildren(lambda job, label, i, k: rf"{k} \boxed{{{i}}}")
    monkeypatch.setattr(run, "generate_all", boxed)
    scores = measured(tmp_path, measurement(toy_set(GraderJudge("strict_box")), model="org/m"))
    model = scores.models[0].model_copy(update={"detectable": detectable})
    notes = block(scores.model_copy(update={"models": [model]}), []).notes
    (line,) = [note for note in notes if note.startswith("resolution")]
    assert said in line
