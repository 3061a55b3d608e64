"""The models of an evaluation: where they lie and which files they are; read by evals/run.py."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from evals.job import JobModel

MODEL_FILES = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")
SMALL_BYTES = 400_000_000
SMALL_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model to measure."""

    label: str
    """base, trained, released, or model."""
    path: str
    """Local folder, hub id, or the name that a server knows."""
    revision: str | None = None
    """Hub commit."""
    adapter: str | None = None
    """Folder or hub id of a PEFT adapter on top of the model."""
    server: str | None = None
    """URL of the server that offers the model, for a model that is not loaded here."""

    def job_model(self) -> JobModel:
        """The model as the generation process gets it."""
        local = Path(self.path).is_dir()
        files = (
            f"{self.server}#{self.path}" if self.server else fingerprint(self.path, self.revision)
        )
        return JobModel(
            label=self.label,
            path=self.path,
            revision=None if local else self.revision,
            adapter=self.adapter,
            fingerprint=f"{files}+{fingerprint(self.adapter, None)}" if self.adapter else files,
        )


def fingerprint(path: str, revision: str | None) -> str:
    """Hash of the files of a model folder; a hub id stands for itself with its revision."""
    folder = Path(path)
    if not folder.is_dir():
        return f"hub:{path}@{revision or 'main'}"
    total = hashlib.sha256()
    for file in sorted(f for f in folder.iterdir() if f.suffix in MODEL_FILES and f.is_file()):
        with file.open("rb") as content:
            total.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()


def threads(subjects: list[Subject]) -> int | None:
    """CPU threads for small models, which only wait for each other on many; null for others."""
    folders = [Path(subject.path) for subject in subjects]
    if not all(folder.is_dir() for folder in folders):
        return None
    largest = max(
        sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        for folder in folders
    )
    return min(SMALL_THREADS, os.cpu_count() or 1) if largest < SMALL_BYTES else None
