"""What a card says about its recipe's fidelity: where upstream's keys go, what differs and why."""

from typing import Any, Self

from pydantic import model_validator

from harness.cards.claim import Claims
from harness.cards.facts import Fact, Provenance, Text


class Destination(Fact):
    """Where one of upstream's keys goes in RunSpec, and how its value is converted."""

    field: str | list[str] | None = None
    """RunSpec field with the same meaning; several share the value, or take one of a list each."""
    present: str | None = None
    """Instead of a field: the part of RunSpec that is there if upstream's switch is on."""
    or_else: str | None = None
    """RunSpec field that holds where the first one is null."""
    divide_by: str | float | None = None
    """A RunSpec field or a number."""
    times: str | float | None = None
    """A RunSpec field or a number."""
    values: dict[Any, Any] = {}
    """Upstream's value -> ours, for this key; goes before the table's."""
    when: dict[str, Any] = {}
    """Upstream keys and the value, or list of values, at which this one is read; a key that
    upstream lacks does not count."""
    unless: dict[str, Any] = {}
    """Upstream keys and the value, or list of values, at which this one is not read."""
    yields_to: str | None = None
    """Upstream key that replaces this one where it is given."""


class Setting(Destination):
    """What a card says about one upstream key, where the framework's table does not say enough."""

    equals: Any = None
    """The value expected here, where no simple conversion gives it; needs a reason."""
    reason: Text | None = None
    """Why the value here differs, or how it was converted."""
    met: Text | None = None
    """The same by other means: a choice by name, a path."""
    lost: Text | None = None
    """What cannot be expressed here, and its expected effect."""

    @model_validator(mode="after")
    def complete(self) -> Self:
        """An entry says something, and only one thing."""
        if (self.met is not None) + (self.lost is not None) + _says_where(self) > 1:
            raise ValueError("met, lost, and field or reason exclude each other")
        if not self.model_fields_set:
            raise ValueError("an entry needs field, reason, met or lost")
        if "equals" in self.model_fields_set and not self.reason:
            raise ValueError("equals needs a reason")
        return self


def _says_where(setting: Setting) -> bool:
    return bool(setting.model_fields_set - {"met", "lost"})


class SemanticNote(Fact):
    """How one behaviour of upstream's code is met: exactly one of the three."""

    kept: Text | None = None
    """The same here. `field=value, field=value` is checked against the run; other words are not."""
    changed: Text | None = None
    """What happens here instead, and its expected effect."""
    lost: Text | None = None
    """What cannot be expressed here, and its expected effect."""

    @model_validator(mode="after")
    def one(self) -> Self:
        """Exactly one of kept, changed and lost."""
        if len(self.model_fields_set) != 1:
            raise ValueError("needs exactly one of kept, changed and lost")
        return self


class FidelityNotes(Fact):
    """What a card says about the differences between upstream and the recipe."""

    settings: dict[str, Setting] = {}
    """Upstream key -> where it goes, where the framework's table does not say enough."""
    semantics: dict[str, SemanticNote] = {}
    """Name of a behaviour in upstream/<name>.yaml -> how it is met."""
    verl: dict[str, Text] = {}
    """verl key -> why the emitted value differs from the one in upstream/<name>.yaml."""


class Variant(Fact):
    """What a card says about one published run or stage only; goes before the card's own words."""

    recipe: dict[str, Provenance] = {}
    fidelity: FidelityNotes = FidelityNotes()
    miniature: dict[str, str] = {}
    claims: Claims | None = None
    """Published numbers of this run; null: those of the card."""
    released_model: str | None = None
    """Hub id of this run's weights."""
    released_revision: str | None = None
    """Hub commit of those weights."""
