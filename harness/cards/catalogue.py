"""The catalogue: every surveyed system and where it stands; `action=list` and tests read it."""

from collections.abc import Sequence
from typing import Literal, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from harness.cards.card import REPRODUCTIONS
from harness.cards.facts import Fact, Text
from harness.errors import ConfigError
from harness.files import read_yaml

Status = Literal["recipe", "planned", "evaluation only", "not reproducible"]
STATUSES: tuple[Status, ...] = get_args(Status)
PATH = REPRODUCTIONS / "catalogue.yaml"


class Entry(Fact):
    """One surveyed system in the catalogue."""

    id: str
    name: Text
    kind: Text
    """rl, sft, pipeline, inference, benchmark, training set, engine, report, ..."""
    status: Status
    link: str | None = None
    """Repository (owner/name) or paper (arXiv id)."""
    note: Text
    """What it is, and why it stands where it stands."""


def catalogue() -> list[Entry]:
    """Every surveyed system, in the order of the file.

    Raises:
        ConfigError: the file is missing or malformed.
    """
    try:
        entries = read_yaml(PATH)
        return TypeAdapter(list[Entry]).validate_python(entries)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{PATH} is not a catalogue: {error}") from error


def listing(entries: Sequence[Entry]) -> str:
    """The catalogue as text, one section a status, one line a system."""
    lines: list[str] = []
    for status in STATUSES:
        found = [entry for entry in entries if entry.status == status]
        lines += ["", f"{status} ({len(found)})"] if found else []
        lines += [f"  {entry.id:<22} {entry.name} [{entry.kind}]: {entry.note}" for entry in found]
    return "\n".join(lines).lstrip("\n")
