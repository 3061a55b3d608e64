"""The files that fidelity is computed from: what upstream runs, and how its framework's keys map to
RunSpec; authors write them below reproductions/, the comparison reads them."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError

from harness.cards import REPRODUCTIONS, Destination, Fact, Text
from harness.cards.facts import ORIGIN
from harness.errors import ConfigError
from harness.files import read_yaml

FRAMEWORKS = REPRODUCTIONS / "frameworks"
HOUSE = "reprise"
"""Name of the table with what this harness does the same way for every recipe."""

Source = Annotated[str, Field(pattern=rf"^{ORIGIN}|^arXiv:\S+")]
"""repo@commit:path, package==version:path, or arXiv:id without public code; words may follow."""
Content = TypeVar("Content", bound=BaseModel)


class Effective(Fact):
    """The value that one of upstream's keys really has."""

    value: Any
    """As upstream's code sees it; null is a real null, or unknown."""
    origin: Literal["script", "fork_default", "hard_coded", "paper", "survey"] = Field(alias="from")
    """Who sets it: the launch script, a default of upstream's framework, its code, or the paper;
    survey where others' words about it are all that is known."""


class Semantic(Fact):
    """Behaviour of upstream that is code and no key."""

    says: Text
    """What it does."""
    at: Source
    """repo@commit:path:line."""


class UpstreamRun(Fact):
    """One published run, or one stage of it."""

    script: Source
    framework: Text
    """The framework and its version, in words."""
    table: str
    """A file of reproductions/frameworks."""
    base_defaults: Source | None = None
    """Where the defaults are that the script leaves alone."""
    note: str | None = None
    effective: dict[str, Effective]
    perf: dict[str, Any] = {}
    """Memory and speed settings; not compared."""
    semantics: dict[str, Semantic] = {}
    verl: dict[str, Any] = {}
    """Keys of the pinned verl that give the same run, where somebody worked them out."""


class Fixed(Fact):
    """A value that no key of the framework sets."""

    value: Any
    why: Text
    when: dict[str, Any] = {}
    """RunSpec fields and the value (or list of values) at which this holds."""


class Met(Fact):
    """An upstream key that needs no setting here while it has one value."""

    value: Any
    how: Text


class Table(Fact):
    """How the keys of one framework map to RunSpec."""

    fields: dict[str, str | Destination] = {}
    """Upstream key -> RunSpec field of the same meaning."""
    values: dict[Any, Any] = {}
    """Word of the framework -> word of RunSpec, for all keys."""
    met: dict[str, Met] = {}
    """Upstream key -> the value at which verl does the same without a setting."""
    without_effect: dict[str, Text] = {}
    """Upstream key -> why it does not shape the result."""
    fixed: dict[str, Fixed] = {}
    """RunSpec field -> the value that stands for how the framework always behaves."""
    verl: dict[str, Text] = {}
    """Key of the pinned verl -> why its value may differ; for the table of the house only."""

    def destination(self, key: str) -> Destination | None:
        """Where an upstream key goes; null where the table does not say."""
        entry = self.fields.get(key)
        return Destination(field=entry) if isinstance(entry, str) else entry


def upstream_names(id: str) -> list[str]:
    """Names of a project's upstream files: stages, variants or main."""
    return sorted(path.stem for path in (REPRODUCTIONS / id / "upstream").glob("*.yaml"))


@cache
def load_upstream(id: str, name: str) -> UpstreamRun:
    """One published run of a project.

    Raises:
        ConfigError: the file is missing or malformed.
    """
    return _read(REPRODUCTIONS / id / "upstream" / f"{name}.yaml", UpstreamRun)


@cache
def load_table(name: str) -> Table:
    """One framework's table.

    Raises:
        ConfigError: the file is missing or malformed.
    """
    return _read(FRAMEWORKS / f"{name}.yaml", Table)


def _read(path: Path, kind: type[Content]) -> Content:
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml"))) or "none"
        raise ConfigError(f"{path} is missing (there: {there}): docs/adding-a-reproduction.md")
    try:
        return kind.model_validate(read_yaml(path))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{path} is malformed: {error}") from error
