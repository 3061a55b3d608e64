"""Training and held-out rows of a source (hub, file, generator); prepare.py makes prompts of it."""

import inspect
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.data.row_files import Row, read_rows
from harness.errors import DataError
from harness.spec import Data, FileSource, GeneratorSource, HubSource

COMMIT = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a source gave, and where it really came from."""

    train: list[Row]
    test: list[Row]
    origin: str
    """The source in words, for messages and the manifest."""
    revision: str | None = None
    """Hub commit of the rows, if they come from the hub and it could be found out."""


def load_rows(data: Data) -> Rows:
    """The first train_rows rows and the test_rows rows after them."""
    match data.source:
        case FileSource():
            return _from_file(data, data.source)
        case GeneratorSource():
            return _from_generator(data, data.source)
        case HubSource():
            return _from_hub(data, data.source)


def fingerprint(source: HubSource | FileSource | GeneratorSource) -> str | None:
    """Hash of what the rows are made from locally: the files, or the generator's code."""
    match source:
        case FileSource():
            files = [Path(path) for path in (source.path, source.test_path) if path]
            if not all(path.is_file() for path in files):
                return None
            return sha256(b"".join(sha256(f.read_bytes()).digest() for f in files)).hexdigest()
        case GeneratorSource():
            return sha256((Path(__file__).parent / "generators.py").read_bytes()).hexdigest()
        case HubSource():
            return None


def _from_file(data: Data, source: FileSource) -> Rows:
    rows = read_rows(Path(source.path))
    if source.test_path is None:
        train, test = cut(rows, data, source.path)
        return Rows(train=train, test=test, origin=source.path)
    wanted = len(rows) if data.train_rows is None else data.train_rows
    held_out = read_rows(Path(source.test_path))
    _enough(source.path, len(rows), "data.train_rows", wanted)
    _enough(source.test_path, len(held_out), "data.test_rows", data.test_rows)
    return Rows(
        train=rows[:wanted],
        test=held_out[: data.test_rows],
        origin=f"{source.path} and {source.test_path}",
    )


def _from_generator(data: Data, source: GeneratorSource) -> Rows:
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
    return Rows(
        train=generator(data.train_rows, seed=source.seed, split="train", **arguments),
        test=generator(data.test_rows, seed=source.seed, split="test", **arguments),
        origin=f"generator {source.generator}, seed {source.seed}",
    )


def _from_hub(data: Data, source: HubSource) -> Rows:
    from datasets import load_dataset

    origin = f"{source.dataset}, split {source.split}"
    try:
        # The hub, its cache and the offline switches (HF_HUB_OFFLINE) are the library's business.
        dataset = load_dataset(source.dataset, revision=source.revision, split=source.split)
    except Exception as error:  # it raises errors of four libraries; all mean: no rows
        raise DataError(_how_to_provide(source, error)) from error
    revision = resolved_revision(dataset)
    if source.revision and COMMIT.fullmatch(source.revision) and revision != source.revision:
        # Without network the library falls back to any cached revision.
        raise DataError(
            f"{origin}: revision {source.revision} was asked for, the cache holds {revision}; "
            "go online once to fetch it, or set data.source.revision to the cached one"
        )
    if data.train_rows is not None:
        _enough(origin, len(dataset), "data.train_rows + data.test_rows", _total(data))
        dataset = dataset.select(range(_total(data)))
    train, test = cut(dataset.to_list(), data, origin)
    return Rows(train=train, test=test, origin=origin, revision=revision)


def resolved_revision(dataset: Any) -> str | None:
    """The hub commit of a loaded data set, from the addresses and cache folders it came from."""
    addresses = [
        *(dataset.info.download_checksums or {}),
        *(file["filename"] for file in dataset.cache_files),
    ]
    commits = [match.group() for text in addresses if (match := COMMIT.search(str(text)))]
    return commits[0] if commits else None


def _how_to_provide(source: HubSource, error: Exception) -> str:
    return (
        f"the data set {source.dataset} (revision {source.revision or 'newest'}, split "
        f"{source.split}) could not be loaded: {type(error).__name__}: {error}\n"
        "Provide it in one of three ways:\n"
        "  a local file:   data.source.kind=file data.source.path=<rows.parquet>\n"
        "  a filled cache: load it once with network, or copy HF_HOME from a machine that did\n"
        "  a generator:    a data option that makes its own rows, such as data=countdown_generated"
    )


def cut(rows: list[Row], data: Data, origin: str) -> tuple[list[Row], list[Row]]:
    """Training rows from the start, held-out rows right behind them."""
    train_rows = len(rows) - data.test_rows if data.train_rows is None else data.train_rows
    if train_rows < 1:
        raise DataError(
            f"{origin}: has {len(rows)} rows, data.test_rows={data.test_rows} leaves none to train"
        )
    wanted = train_rows + data.test_rows
    _enough(origin, len(rows), "data.train_rows + data.test_rows", wanted)
    return rows[:train_rows], rows[train_rows:wanted]


def _total(data: Data) -> int:
    return (data.train_rows or 0) + data.test_rows


def _enough(origin: str, found: int, name: str, wanted: int) -> None:
    if found < wanted:
        raise DataError(f"{origin}: has {found} rows, {name} asks for {wanted}; lower it")
