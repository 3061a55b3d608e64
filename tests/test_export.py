"""Export: only whole weights, once, without touching the checkpoint."""

import json
from pathlib import Path

import pytest

from harness.errors import TrainingError
from harness.export import export
from harness.rundir import RunDir
from tests.composing import spec_of


def checkpoint(run: RunDir, step: int) -> Path:
    folder = run.path / "checkpoints" / f"global_step_{step}" / "actor" / "huggingface"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text('{"dtype": "bfloat16"}')
    return folder


def test_export_declares_the_saved_precision_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    run, spec = RunDir(tmp_path), spec_of("+repro=tinyzero")
    source = checkpoint(run, 2)
    assert "step 2" in export(spec, run, 2)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["dtype"] == "float32"
    assert json.loads((source / "config.json").read_text())["dtype"] == "bfloat16"
    assert "done before" in export(spec, run, 2)


@pytest.mark.parametrize("hardware", ["cpu", "4xA800"])
def test_an_export_does_not_ask_for_the_trainers_attention(tmp_path: Path, hardware: str) -> None:
    run, spec = RunDir(tmp_path), spec_of("+repro=tinyzero", f"hardware={hardware}")
    config = checkpoint(run, 2) / "config.json"
    config.write_text('{"dtype": "bfloat16", "attn_implementation": "varlen"}')
    export(spec, run, 2)
    exported = json.loads((tmp_path / "model" / "config.json").read_text())
    assert exported == {"dtype": "float32" if hardware == "cpu" else "bfloat16"}
    assert "varlen" in config.read_text()


def test_a_damaged_or_older_export_is_made_anew(tmp_path: Path) -> None:
    run, spec = RunDir(tmp_path), spec_of("+repro=tinyzero")
    checkpoint(run, 2)
    export(spec, run, 2)
    (tmp_path / "model" / "model.safetensors").unlink()
    assert "done before" not in export(spec, run, 2)
    checkpoint(run, 4)
    assert "step 4" in export(spec, run, 4)


def test_a_checkpoint_without_weights_is_refused(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    (checkpoint(run, 1) / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match="no weights"):
        export(spec_of("+repro=tinyzero"), run, 1)
