"""The catalogue: every surveyed system and where it stands; `action=list` and tests read it."""

from collections.abc import Sequence
from typing import Literal, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from harness.cards.card import REPRODUCTIONS
from harness.cards.facts import Fact, Text
from harness.errors import ConfigError

Status = Literal["recipe", "planned", "evaluation only", "not reproducible"]
STATUSES: tuple[Status, ...] = get_args(Status)
PATH = REPRODUCTIONS / "catalogue.yaml"


class Entry(Fact):
    """One surveyed system in the catalogue."""

    id: str
    name: Text
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
        entries = yaml.safe_load(PATH.read_text(encoding="utf-8"))
        return TypeAdapter(list[Entry]).validate_python(entries)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{PATH} is not a catalogue: {error}") from error


def listing(entries: Sequence[Entry]) -> str:
    """The catalogue as text, one section a status."""
    width = max(len(entry.id) for entry in entries)
    lines = []
    for status in STATUSES:
        found = [entry for entry in entries if entry.status == status]
        lines += ["", f"{status} ({len(found)})"] if found else []
        for entry in found:
            where = f" ({entry.link})" if entry.link else ""
            lines += [
                f"  {entry.id:<{width}}  {entry.name}{where}",
                f"  {'':{width}}  {entry.note}",
            ]
    return "\n".join(lines).lstrip("\n")
