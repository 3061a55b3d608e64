"""The halves of a run with launch.split: training up to the exported model, then the evaluation."""

from pathlib import Path

import pytest

from harness import pipeline
from harness.checkpoints import TRACKER
from harness.console import Console
from harness.errors import ConfigError, TrainingError
from harness.pipeline import Run, Training, execute, in_order, require_model
from harness.rundir import RunDir, read_status
from harness.spec import RunPart, RunSpec
from tests.submit.stub import slurm_run, with_launch


def stages(spec: RunSpec, part: RunPart) -> list[str]:
    directory = RunDir(Path("/nowhere"))
    trainings = [Training(name="", spec=spec, directory=directory)]
    run = Run(spec=spec, directory=directory, trainings=trainings, console=Console(), part=part)
    return [name for name, _ in in_order(run)]


def test_training_ends_with_the_exported_model_and_evaluation_asks_for_all_of_it() -> None:
    spec = with_launch(slurm_run(Path("/nowhere")), split=True)
    training = ["prepare", "control", "train", "export"]
    assert stages(spec, "train") == training
    assert stages(spec, "all") == [*training, "evaluate", "report"]
    assert stages(spec, "evaluate") == ["prepare", "control", "train", "evaluate", "report"]


def test_a_trained_half_waits_for_its_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "in_order", lambda run: iter([("train", lambda: "")]))
    run = execute(with_launch(slurm_run(tmp_path), split=True), [], part="train")
    status = read_status(run)
    assert (status["state"], status["stage"]) == ("waiting", "evaluate")
    assert not (run / "report.html").exists()


def test_an_evaluation_whose_training_is_not_done_does_not_train(tmp_path: Path) -> None:
    spec = with_launch(slurm_run(tmp_path), split=True)
    training = Training(name="", spec=spec, directory=RunDir(tmp_path), steps=12)
    with pytest.raises(TrainingError, match=r"0 of 12 steps were saved, or .* finish its training"):
        require_model(training)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / TRACKER).write_text("12")
    with pytest.raises(TrainingError, match="12 of 12 steps were saved, or before the model"):
        require_model(training)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    assert require_model(training) == "12 steps, done before"


@pytest.mark.parametrize(("part", "asked"), [("evaluate", "2 A800"), ("train", "4 A800")])
def test_each_half_asks_for_the_gpus_of_its_own_job(
    part: RunPart, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.provenance.gpus", lambda: ["A800"])
    spec = slurm_run(tmp_path, "+repro=tinyzero", "hardware=4xA800")
    with pytest.raises(ConfigError, match=f"{asked} GPUs, and this machine has 1"):
        execute(with_launch(spec, split=True, eval_gpus=2), [], part=part)
