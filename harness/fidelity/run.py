"""The fidelity of a recipe: its legs at full size, each against its published run. The action, the
tests and the table of reproductions call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from harness.cards import Card, load_card
from harness.compose import CONF_DIR, at_the_door, options, to_run_spec
from harness.errors import ConfigError
from harness.fidelity.compare import Row, Sides, compare
from harness.fidelity.format import HOUSE, load_table, load_upstream, upstream_names
from harness.plan import planned_steps
from harness.spec import RunSpec
from harness.verl.emit import emit
from harness.verl.keys import known_keys

USUAL = "4xA800"
"""The hardware profile that is tried first; fidelity does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFidelity:
    """One training of a recipe against its published run."""

    name: str
    """The stage; empty for a recipe without stages."""
    upstream: str
    """Name of the upstream file."""
    script: str
    perf: dict[str, object]
    """Upstream's memory and speed settings, not compared."""
    card: Card
    """The card with what it says about this variant and stage."""
    spec: RunSpec
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """A recipe against its published runs."""

    repro: str
    variant: str | None
    legs: list[LegFidelity]
    stray: list[str]
    """Entries of the card that name nothing."""

    def problems(self) -> list[str]:
        """What is unexplained; empty for a faithful recipe."""
        return [
            f"{_where(leg)}{row.key}: {row.reason}"
            for leg in self.legs
            for row in leg.rows
            if row.status == "unexplained"
        ] + self.stray

    def counts(self) -> dict[str, int]:
        """Status -> rows, over keys and behaviours of all legs (the translation is not counted)."""
        rows = [row for leg in self.legs for row in leg.rows if row.part != "verl"]
        return {
            status: sum(row.status == status for row in rows)
            for status in dict.fromkeys(row.status for row in rows)
        }


def _where(leg: LegFidelity) -> str:
    return f"{leg.name}: " if leg.name else ""


def fidelity(spec: RunSpec) -> Fidelity:
    """Holds a full-size recipe to what upstream runs.

    Raises:
        ConfigError: the run is no recipe, or its card, upstream file or table is missing.
    """
    if spec.repro is None:
        raise ConfigError("fidelity needs a recipe to hold to its upstream: add +repro=<id>")
    card, house = load_card(spec.repro), load_table(HOUSE)
    found = [_leg(name, leg, card) for name, leg in _legs(spec)]
    del house
    return Fidelity(repro=spec.repro, variant=spec.variant, legs=found, stray=stray(card))
