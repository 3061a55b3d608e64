"""What a run was worth to a sweeper that searches: its score on disk; the launcher asks."""

import json
from pathlib import Path

from pydantic import ValidationError

from evals.scores import Scores
from harness.chain import legs
from harness.errors import EvaluationError
from harness.evaluation import protocol_folder
from harness.rundir import run_path
from harness.spec import RunSpec


def objective(spec: RunSpec) -> float:
    """avg@k of the trained model on the first benchmark of the run's protocol, in [0, 1].

    Raises:
        EvaluationError: the run did not finish (with its own reason), or its score is not there,
            unreadable or invalid.
    """
    folder, last = run_path(spec), legs(spec)[-1].spec
    _refuse_unfinished(folder)
    benchmark = last.eval.benchmarks[0].name
    path = folder / "evaluation" / protocol_folder(last) / benchmark / "scores.json"
    try:
        scores = Scores.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvaluationError(
            f"{path} cannot be read ({type(error).__name__}), and a search needs this score: run "
            "the same command again, which evaluates again what is missing"
        ) from error
    if scores.invalid:
        raise EvaluationError(f"{folder}: {benchmark}: {scores.verdict}")
    (trained,) = [model for model in scores.models if model.label == "trained"]
    return trained.accuracy.value


def _refuse_unfinished(folder: Path) -> None:
    """Scores of an earlier attempt are no result of one that failed."""
    try:
        status = json.loads((folder / "status.json").read_text())
        state, reason = status["state"], status.get("reason")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{folder} has no readable status.json: {error}") from error
    if state != "done":
        raise EvaluationError(f"{folder} is {state}{f': {reason}' if reason else ''}")
