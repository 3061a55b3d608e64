"""What a run leaves on disk, made by hand; shared by the tests of searching sweeps."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evals import run
from evals.scores import Scores
from harness.chain import legs
from harness.evaluation import protocol_folder
from harness.rundir import run_path
from harness.spec import RunSpec
from tests.evals.measuring import FakeChildren, improving, measured, measurement

Finish = Callable[..., Path]


@pytest.fixture
def measured_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scores:
    """Of base and trained, by the real code, on made-up responses."""
    monkeypatch.setattr(run, "generate_all", FakeChildren(improving))
    return measured(tmp_path / "measured", measurement())


@pytest.fixture
def finish(measured_scores: Scores) -> Finish:
    """Writes what a run leaves: its status, and its score if it got so far."""

    def written(spec: RunSpec, accuracy: float | None, state: str = "done", **status: str) -> Path:
        folder, protocol = run_path(spec), legs(spec)[-1].spec
        benchmark = protocol.eval.benchmarks[0].name
        at = folder / "evaluation" / protocol_folder(protocol) / benchmark
        at.mkdir(parents=True)
        (folder / "status.json").write_text(json.dumps({"state": state, **status}))
        if accuracy is not None:
            base, trained = measured_scores.models
            value = replace(trained.accuracy, value=accuracy)
            models = [base, trained.model_copy(update={"accuracy": value})]
            scores = measured_scores.model_copy(update={"models": models})
            (at / "scores.json").write_text(scores.model_dump_json())
        return at / "scores.json"

    return written
