"""What is kept of a learning run: both accuracies, whether they are apart, the curve, the page."""

from pathlib import Path
from typing import Any

import pytest

from bench.gpu import learning
from bench.gpu.learning import accuracies, curve, kept_report, scores_of
from harness.errors import EvaluationError
from tests.composing import spec_of


def interval(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "method": "bootstrap"}


def model(label: str, accuracy: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": label, "accuracy": accuracy, "generation": {"attempts": [{"engine": "vllm"}]}
    }  # fmt: skip


def scores(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        "problem_ids": ["0", "1"],
        "samples_per_problem": 4,
        "models": [model("base", before), model("trained", after)],
        "difference": {"paired": interval(0.2, 0.1, 0.3)},
    }


@pytest.mark.parametrize(
    ("after", "overlap"),
    [((0.50, 0.46, 0.54), False), ((0.34, 0.30, 0.38), True), ((0.1, 0.05, 0.2), False)],
)
def test_intervals_apart_or_not(after: tuple[float, float, float], overlap: bool) -> None:
    found = accuracies(scores(interval(0.31, 0.28, 0.34), interval(*after)))
    assert found["before"] == {"value": 0.31, "low": 0.28, "high": 0.34}
    assert found["overlap"] is overlap
    assert (found["problems"], found["engines"]) == (2, ["vllm"])
    assert found["difference"] == {"value": 0.2, "low": 0.1, "high": 0.3}


def test_the_curve_has_every_step_and_null_where_nothing_was_logged() -> None:
    steps = {1: {"critic/score/mean": 0.12345, "reward/accuracy": 0.1}, 2: {"actor/loss": 1.0}}
    assert curve(steps) == [
        {"step": 1, "reward": 0.1235, "accuracy": 0.1},
        {"step": 2, "reward": None, "accuracy": None},
    ]


def test_the_page_is_kept_unless_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "report.html"
    page.write_text("<p>")
    assert kept_report(page, tmp_path / "out") == {"report": "learn-report.html", "report_bytes": 3}
    assert (tmp_path / "out" / "learn-report.html").read_text() == "<p>"
    monkeypatch.setattr(learning, "MOST_BYTES", 3)
    assert kept_report(page, tmp_path / "other")["report"] is None
    assert not (tmp_path / "other").exists()


def test_the_miniature_may_start_on_a_gpu() -> None:
    spec = spec_of(learning.RECIPE, "hardware=1xH100", *learning.ON_GPU)
    assert (spec.miniature, spec.schedule.steps, spec.hardware.rollout.engine) == (True, 12, "vllm")
    assert [benchmark.name for benchmark in spec.eval.benchmarks] == ["held_out"]


def test_scores_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="0 scores of held_out"):
        scores_of(tmp_path)
