"""The record beside prepared data: what it was made from and what it holds.

A later run checks it before preparing again; reports print it.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from evals.benchmarks import describe
from harness.data.checks import code_sha256
from harness.data.sources import fingerprint
from harness.data.tokens import tokenizer_hash
from harness.spec import Data

MANIFEST = "manifest.json"
Split = Literal["train", "test"]


class Record(BaseModel):
    """A frozen piece of a manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Recipe(Record):
    """Everything that decides the content of prepared files; equal recipes give equal files."""

    data: str
    """sha256 of the data part of the run specification."""
    source: str | None
    """sha256 of the source files, or of the generator's code; null for the hub."""
    tokenizer: str
    """sha256 of the tokenizer that counted tokens."""
    sft: bool
    """Rows carry demonstrations for supervised fine-tuning."""
    check: str | None
    """Name and sha256 of the code that says which ground truths can be scored."""
    benchmarks: dict[str, str | None]
    """Benchmark of data.decontaminate -> digest of its pinned content."""


class LeftOut(Record):
    """A row that was left out because of what it holds."""

    row: int
    """Number of the row in its split, from 1, before anything was left out."""
    reason: str
    why: str
    prompt_end: str
    """The last characters of its prompt."""


class BudgetRecord(Record):
    """The token budgets of one prepared file."""

    smallest: int
    """In tokens, maxima and targets alike."""
    largest: int
    at_most: int
    """Rows whose budget is a maximum."""
    sha256: str
    """sha256 of the budgets in the order of their rows, written in decimal with spaces between."""


class SplitManifest(Record):
    """One prepared file."""

    file: str
    sha256: str
    bytes: int
    rows_in: int
    """Rows taken from the source."""
    rows_out: int
    """Rows written, copies (data.repeat) included."""
    dropped: dict[str, int]
    """Reason -> rows left out for it (harness.data.filters.REASONS)."""
    left_out: list[LeftOut]
    """The first of them that are at fault themselves."""
    cut_prompts: int
    """Rows whose prompt is longer than the limit and loses its start."""
    longest_prompt_tokens: int
    """As the model sees it."""
    budgets: BudgetRecord | None = None
    """Null where rows have none; copies (data.repeat) are not counted."""


class FirstPrompt(Record):
    """The first training prompt as the model sees it."""

    text: str
    token_ids_sha256: str
    """sha256 of its token ids, written in decimal with spaces between."""
    chat_template_sha256: str | None
    """sha256 of the chat template around it; null when the prompt is raw text."""


class Manifest(Record):
    """What a folder of prepared data holds."""

    name: str
    origin: str
    """The source in words."""
    revision: str | None
    """Hub commit of the rows; null when they are not from the hub or it is unknown."""
    seed: int | None
    """Seed of generated rows."""
    recipe: Recipe
    source_rows: int
    """Rows of the source that training rows were taken from."""
    left_out: dict[str, int]
    """Rows that do not belong to the data set, by reason; left out before it was cut."""
    columns: list[str]
    first_prompt: FirstPrompt
    splits: dict[Split, SplitManifest]
    test_prompts_in_train: int
    """Held-out rows whose prompt text is also a training prompt."""

    def path(self, folder: Path, split: Split) -> Path:
        """The prepared file of a split."""
        return folder / self.splits[split].file


def recipe_of(data: Data, tokenizer_path: str, sft: bool, check: str | None = None) -> Recipe:
    """The recipe that preparing now would follow.

    Args:
        check: reward.check, `module:function`.
    """
    specification = json.dumps(data.model_dump(mode="json"), sort_keys=True)
    return Recipe(
        data=sha256(specification.encode()).hexdigest(),
        source=fingerprint(data.source),
        tokenizer=tokenizer_hash(tokenizer_path),
        sft=sft,
        check=code_sha256(check) if check else None,
        benchmarks={name: describe(name).content_sha256 for name in data.decontaminate},
    )


def prepared(
    folder: Path, data: Data, *, tokenizer_path: str, sft: bool, check: str | None = None
) -> Manifest | None:
    """The manifest when the folder already holds exactly this data, intact; None otherwise."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text())
    except (FileNotFoundError, ValidationError):
        return None
    if manifest.recipe != recipe_of(data, tokenizer_path, sft, check):
        return None
    return manifest if all(intact(folder, s) for s in manifest.splits.values()) else None


def intact(folder: Path, split: SplitManifest) -> bool:
    """Is the file there, with the recorded size and content?"""
    path = folder / split.file
    same_size = path.is_file() and path.stat().st_size == split.bytes
    return same_size and file_sha256(path) == split.sha256


def file_sha256(path: Path) -> str:
    """sha256 of a file's content."""
    return sha256(path.read_bytes()).hexdigest()
