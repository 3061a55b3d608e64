"""The export stage: the last checkpoint's Hugging Face files become the run's model/ folder."""

import json
import shutil
from pathlib import Path

from harness.adapters import merge_files
from harness.checkpoints import step_folder
from harness.errors import TrainingError
from harness.files import write_json
from harness.rundir import RunDir
from harness.spec import RLAlgorithm, RunSpec

RECORD = "reprise_export.json"


def export(spec: RunSpec, directory: RunDir, step: int) -> str:
    """Fills model/ in one step, unless it holds this step already.

    Raises:
        TrainingError: the checkpoint has no Hugging Face weights.
    """
    target = directory.path / "model"
    if _exported(target, step):
        return f"model/ holds step {step}, done before"
    checkpoint = step_folder(directory.path / "checkpoints", step)
    source = checkpoint / ("actor" if spec.algorithm.kind == "rl" else "") / "huggingface"
    if not list(source.glob("*.safetensors")):
        raise TrainingError(
            f"{source} has no weights to export; delete {checkpoint} and run the same command again"
        )
    partial = directory.path / "model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, copy_function=_link_or_copy)
    if isinstance(spec.algorithm, RLAlgorithm) and (lora := spec.algorithm.lora):
        # verl saves base and adapters under names that only PEFT reads.
        merge_files(partial, lora.alpha / lora.rank)
    if spec.hardware.precision == "fp32":
        _declare_fp32(partial / "config.json")
    files = {p.name: p.stat().st_size for p in sorted(partial.iterdir()) if p.is_file()}
    write_json(partial / RECORD, {"step": step, "files": files})
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    size_mb = sum(files.values()) / 1e6
    return f"model/ in Hugging Face format, step {step}, {size_mb:,.1f} MB"


def _exported(target: Path, step: int) -> bool:
    record = target / RECORD
    if not record.exists():
        return False
    content = json.loads(record.read_text())
    sizes = {name: (target / name).stat().st_size for name in content["files"]
             if (target / name).exists()}  # fmt: skip
    return bool(content["step"] == step and sizes == content["files"])


def _declare_fp32(config: Path) -> None:
    """verl copies the base model's dtype into the export, whatever the weights are saved in."""
    content = json.loads(config.read_text())
    config.unlink()  # it may be a hard link to the checkpoint's file
    write_json(config, content | {"dtype": "float32"})


def _link_or_copy(source: str, target: str) -> None:
    """Hard link where the file system allows it: weights are never written in place."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
