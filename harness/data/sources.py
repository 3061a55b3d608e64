"""What a source holds (hub, file, generator), before any row is chosen; rows.py chooses of it."""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.data.columns import top_level
from harness.data.row_files import Row, read_rows
from harness.errors import DataError
from harness.spec import Data, FileSource, GeneratorSource, HubSource

COMMIT = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of a source that need not be in memory yet."""

    origin: str
    """Where they come from, in words."""
    length: int
    take: Callable[[Sequence[int]], list[Row]]
    """The rows at some positions, in that order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source: the rows that training rows are taken from, and held-out rows of their own."""

    train: Part
    test: Part | None
    """None when held-out rows are cut from `train`."""
    origin: str
    """The source in words, for messages and the manifest."""
    revision: str | None = None
    """Hub commit of the rows, if they come from the hub and it could be found out."""
    made_to_measure: bool = False
    """The rows were made here, as many as data.train_rows and data.test_rows say."""


def open_source(data: Data) -> Opened:
    """The source of a data set.

    Raises:
        DataError: it is not there or not what was asked for; says how to provide it.
    """
    match data.source:
        case FileSource():
            return _from_file(data.source)
        case GeneratorSource():
            return _from_generator(data, data.source)
        case HubSource():
            return _from_hub(data, data.source)


def part_of(rows: list[Row], origin: str) -> Part:
    """Rows in memory as a part."""
    return Part(origin=origin, length=len(rows), take=lambda places: [rows[n] for n in places])


def fingerprint(source: HubSource | FileSource | GeneratorSource) -> str | None:
    """Hash of what the rows are made from locally: the files, or the generator's code."""
    match source:
        case FileSource():
            files = [Path(path) for path in (source.path, source.test_path) if path]
            if not all(path.is_file() for path in files):
                return None
            return sha256(b"".join(sha256(f.read_bytes()).digest() for f in files)).hexdigest()
        case GeneratorSource():
            code = sorted((Path(__file__).parent / "generators").glob("*.py"))
            return sha256(b"".join(file.read_bytes() for file in code)).hexdigest()
        case HubSource():
            return None


def _from_file(source: FileSource) -> Opened:
    train = part_of(read_rows(Path(source.path)), source.path)
    if source.test_path is None:
        return Opened(train=train, test=None, origin=source.path)
    test = part_of(read_rows(Path(source.test_path)), source.test_path)
    return Opened(train=train, test=test, origin=f"{source.path} and {source.test_path}")


def _from_generator(data: Data, source: GeneratorSource) -> Opened:
    from harness.data.generators import GENERATORS

    generator = GENERATORS.get(source.generator)
    if generator is None:
        raise DataError(
            f"data.source.generator={source.generator} is unknown; "
            f"choose one of {', '.join(sorted(GENERATORS))}"
        )
    if data.train_rows is None:
        raise DataError(
            f"data.train_rows is null, but the generator {source.generator} has no last row; "
            "set data.train_rows to a number"
        )
    arguments: dict[str, Any] = dict(source.arguments)
    try:
        inspect.signature(generator).bind(1, seed=source.seed, split="train", **arguments)
    except TypeError as error:
        raise DataError(
            f"data.source.arguments={arguments} do not fit the generator {source.generator}: "
            f"{error}; it takes {inspect.signature(generator)}"
        ) from error
    origin = f"generator {source.generator}, seed {source.seed}"
    train = generator(data.train_rows, seed=source.seed, split="train", **arguments)
    test = generator(data.test_rows, seed=source.seed, split="test", **arguments)
    return Opened(
        train=part_of(train, origin),
        test=part_of(test, origin),
        origin=origin,
        made_to_measure=True,
    )


def _from_hub(data: Data, source: HubSource) -> Opened:
    train, revision = _hub_split(data, source, source.split)
    if source.test_split is None:
        return Opened(train=train, test=None, origin=train.origin, revision=revision)
    test, _ = _hub_split(data, source, source.test_split)
    origin = f"{train.origin}, and split {source.test_split}"
    return Opened(train=train, test=test, origin=origin, revision=revision)


def _hub_split(data: Data, source: HubSource, split: str) -> tuple[Part, str | None]:
    """One split, only the columns that are read, and the commit it came from."""
    from datasets import load_dataset

    subset = f" ({source.subset})" if source.subset else ""
    origin = f"{source.dataset}{subset}, split {split}"
    try:
        # The hub, its cache and the offline switches (HF_HUB_OFFLINE) are the library's business.
        dataset = load_dataset(
            source.dataset,
            name=source.subset,
            data_files=source.files,
            revision=source.revision,
            split=split,
        )
    except Exception as error:  # it raises errors of four libraries; all mean: no rows
        raise DataError(_how_to_provide(source, origin, error)) from error
    revision = resolved_revision(dataset)
    if source.revision and COMMIT.fullmatch(source.revision) and revision != source.revision:
        # Without network the library falls back to any cached revision.
        raise DataError(
            f"{origin}: revision {source.revision} was asked for, the cache holds {revision}; "
            "go online once to fetch it, or set data.source.revision to the cached one"
        )
    if wanted := [name for name in dataset.column_names if name in top_level(data)]:
        dataset = dataset.select_columns(wanted)

    def take(places: Sequence[int]) -> list[Row]:
        rows: list[Row] = dataset.select(places).to_list()
        return rows

    return Part(origin=origin, length=len(dataset), take=take), revision


def resolved_revision(dataset: Any) -> str | None:
    """The hub commit of a loaded data set, from the addresses and cache folders it came from."""
    addresses = [
        *(dataset.info.download_checksums or {}),
        *(file["filename"] for file in dataset.cache_files),
    ]
    commits = [match.group() for text in addresses if (match := COMMIT.search(str(text)))]
    return commits[0] if commits else None


def _how_to_provide(source: HubSource, origin: str, error: Exception) -> str:
    return (
        f"the data set {origin} (revision {source.revision or 'newest'}) could not be loaded: "
        f"{type(error).__name__}: {error}\n"
        "Provide it in one of three ways:\n"
        "  a local file:   data.source.kind=file data.source.path=<rows.parquet>\n"
        "  a filled cache: load it once with network, or copy HF_HOME from a machine that did\n"
        "  a generator:    a data option that makes its own rows, such as data=countdown_generated"
    )
