"""Finds a benchmark's problems: the user's folder, then the cache, then the card's source."""

import os
from pathlib import Path

from evals.benchmarks.cards import BenchmarkCard, RemoteSource, describe
from evals.benchmarks.generated import generate
from evals.benchmarks.problems import Loaded, checked, parse, to_line
from evals.benchmarks.remote import fetch, normalised
from harness.errors import DataError
from harness.files import write_text

FOLDER_VARIABLE = "REPRISE_BENCHMARKS"
CACHE_VARIABLE = "REPRISE_CACHE"


def load_problems(name: str, folder: Path | None = None) -> Loaded:
    """The problems of a benchmark, checked against the pinned digest.

    Args:
        name: One of cards.names().
        folder: Where <name>.jsonl is looked for first; the environment's REPRISE_BENCHMARKS
            when None. A benchmark that is not there comes from the cache or its source.

    Raises:
        ConfigError: there is no such benchmark.
        DataError: no source has it, or what was found is damaged or other content.
    """
    card = describe(name)
    for path in (given_file(card, folder), cache_folder() / card.file_name):
        if path is not None and path.is_file():
            return checked(parse(path.read_bytes(), card, str(path)), card, str(path))
    return from_source(card)


def given_file(card: BenchmarkCard, folder: Path | None) -> Path | None:
    """The benchmark's file in the folder that the user gave, if one was given."""
    chosen = folder or os.environ.get(FOLDER_VARIABLE)
    if not chosen:
        return None
    place = Path(chosen).expanduser()
    if not place.is_dir():
        raise DataError(
            f"{place}: no such folder of benchmarks; eval.folder or {FOLDER_VARIABLE} names a "
            f"folder with {card.file_name}"
        )
    return place / card.file_name


def cache_folder() -> Path:
    """Where fetched and generated problems are kept."""
    base = os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "reprise"
    return Path(base).expanduser() / "benchmarks"


def from_source(card: BenchmarkCard) -> Loaded:
    """The problems from the card's source; they are in the cache afterwards."""
    source = card.source
    if source is None:
        raise DataError(unavailable(card, "it has no source that may be fetched"))
    if isinstance(source, RemoteSource):
        try:
            content = fetch(card, source)
        except DataError as error:
            raise DataError(unavailable(card, str(error))) from error
        problems = normalised(content, card, source)
    else:
        problems = generate(card, source)
    loaded = checked(problems, card, source.where)
    path = cache_folder() / card.file_name
    try:
        write_text(path, "".join(to_line(problem) + "\n" for problem in loaded.problems))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error}); set {CACHE_VARIABLE} to a folder that can"
        ) from error
    return loaded


def unavailable(card: BenchmarkCard, reason: str) -> str:
    """The message when no source has the problems."""
    where = card.source.where if card.source else "given by you"
    fields = ", ".join(f'"{field}"' for field in ("id", "problem", *card.truth))
    return (
        f"benchmark {card.name} ({where}) is not here: {reason}. Three ways to provide it: "
        f"eval.folder=FOLDER (or {FOLDER_VARIABLE}) with {card.file_name}, one JSON object a line "
        f"with {fields}; a copy of the cache of a machine that has it, as "
        f"{cache_folder() / card.file_name}; or run once with access to the network"
    )
