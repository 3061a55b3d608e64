"""The export stage: the last checkpoint's Hugging Face files become the run's model/ folder, and
adapters alone its adapter/ folder."""

import json
import shutil
from pathlib import Path

from harness.adapters import merge_files, write_adapter
from harness.chain import start_path
from harness.checkpoints import step_folder
from harness.errors import TrainingError
from harness.files import write_json
from harness.rundir import RunDir
from harness.spec import LoRA, RLAlgorithm, RunSpec

RECORD = "reprise_export.json"
ADAPTER = "adapter"
"""Folder of a run with its adapters alone."""


def export(spec: RunSpec, directory: RunDir, step: int) -> str:
    """Fills model/ in one step, unless it holds this step already; with LoRA adapter/ before it.

    Raises:
        TrainingError: the checkpoint has no Hugging Face weights.
    """
    lora = spec.algorithm.lora if isinstance(spec.algorithm, RLAlgorithm) else None
    target = directory.path / "model"
    if _exported(target, step) and (not lora or _exported(directory.path / ADAPTER, step)):
        return f"model/ holds step {step}, done before"
    checkpoint = step_folder(directory.path / "checkpoints", step)
    source = checkpoint / ("actor" if spec.algorithm.kind == "rl" else "") / "huggingface"
    if not list(source.glob("*.safetensors")):
        raise TrainingError(
            f"{source} has no weights to export; delete {checkpoint} and run the same command again"
        )
    if lora:
        _export_adapter(spec, lora, source, directory, step)
    partial = _partial(target)
    shutil.copytree(source, partial, copy_function=_link_or_copy)
    if lora:
        # verl saves base and adapters under names that only PEFT reads.
        merge_files(partial, lora.alpha / lora.rank)
    _correct_config(partial / "config.json", fp32=spec.hardware.precision == "fp32")
    size_mb = _put_in_place(partial, target, step) / 1e6
    also = f", and its adapters alone in {ADAPTER}/" if lora else ""
    return f"model/ in Hugging Face format, step {step}, {size_mb:,.1f} MB{also}"


def _export_adapter(spec: RunSpec, lora: LoRA, source: Path, directory: RunDir, step: int) -> None:
    """The folder adapter/ in PEFT's format, for the model that the training started from."""
    target = directory.path / ADAPTER
    partial = _partial(target)
    base = start_path(spec, directory.path)
    revision = spec.model.revision if base == spec.model.path else None
    write_adapter(source, partial, base=base, revision=revision, lora=lora)
    _put_in_place(partial, target, step)


def _partial(target: Path) -> Path:
    """The name under which a folder is filled; what an earlier attempt left there is removed."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    return partial


def _put_in_place(partial: Path, target: Path, step: int) -> int:
    """Renames a filled folder, with a record of its files; their size in bytes."""
    files = {p.name: p.stat().st_size for p in sorted(partial.iterdir()) if p.is_file()}
    write_json(partial / RECORD, {"step": step, "files": files})
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return sum(files.values())


def _exported(target: Path, step: int) -> bool:
    record = target / RECORD
    if not record.exists():
        return False
    content = json.loads(record.read_text())
    sizes = {name: (target / name).stat().st_size for name in content["files"]
             if (target / name).exists()}  # fmt: skip
    return bool(content["step"] == step and sizes == content["files"])


def _correct_config(config: Path, *, fp32: bool) -> None:
    """verl copies into the export the base model's dtype, whatever the weights are saved in, and
    the trainer's attention, without whose kernels nobody could load the model."""
    content = json.loads(config.read_text())
    content.pop("attn_implementation", None)
    if fp32:
        content["dtype"] = "float32"
    config.unlink()  # it may be a hard link to the checkpoint's file
    write_json(config, content)


def _link_or_copy(source: str, target: str) -> None:
    """Hard link where the file system allows it: weights are never written in place."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
