"""The fidelity of a recipe: its trainings at full size, each against its published run. The action,
the tests and the table of reproductions call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cards import Card, load_card
from harness.chain import legs
from harness.errors import ConfigError
from harness.fidelity.compare import Row, Sides, compare
from harness.fidelity.format import HOUSE, load_table, load_upstream, upstream_names
from harness.fidelity.sourcing import unsourced
from harness.plan.batches import planned_steps
from harness.spec import RunSpec
from harness.verl.emit import emit
from harness.verl.keys import known_keys

RUN = Path("/run")
"""Stands for the run's folder in emitted keys; paths below it are not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFidelity:
    """One training of a recipe against its published run."""

    name: str
    """The stage; empty for a recipe that trains once."""
    upstream: str
    """Name of the upstream file."""
    script: str
    framework: str
    perf: dict[str, Any]
    """Upstream's memory and speed settings, not compared."""
    rows: list[Row]
    emitted: int
    """verl keys of this training, all known to the pinned verl and read by it."""
    unsourced: list[str]
    """Numbers of the recipe that neither upstream's keys nor the card vouch for."""


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
        found = list(self.stray)
        for leg in self.legs:
            where = f"stage {leg.name}: " if leg.name else ""
            wrong = [f"{r.key}: {r.reason}" for r in leg.rows if r.status == "unexplained"]
            found += [where + problem for problem in [*wrong, *leg.unsourced]]
        return found

    def counts(self) -> dict[str, int]:
        """Status -> keys and behaviours of all trainings; the translation is not counted again."""
        statuses = [r.status for leg in self.legs for r in leg.rows if r.part != "verl"]
        return {status: statuses.count(status) for status in dict.fromkeys(statuses)}


def fidelity(spec: RunSpec) -> Fidelity:
    """Holds a full-size recipe to what upstream runs.

    Raises:
        ConfigError: the run is no recipe, or its card, upstream file or table is missing.
    """
    if spec.repro is None:
        raise ConfigError("fidelity needs a recipe to hold to its upstream: add +repro=<id>")
    card = load_card(spec.repro)
    return Fidelity(
        repro=spec.repro,
        variant=spec.variant,
        legs=[_leg(spec.repro, leg.name, leg.spec, card) for leg in legs(spec)],
        stray=stray(card),
    )


def _leg(id: str, stage: str, spec: RunSpec, card: Card) -> LegFidelity:
    own = card.of(card_names(spec.variant, stage))
    name = upstream_name(id, spec.variant, stage)
    upstream, house = load_upstream(id, name), load_table(HOUSE)
    table = load_table(upstream.table)
    folder = RUN / "stages" / stage if stage else RUN
    emitted = emit(spec, folder, planned_steps(spec))
    rows = compare(
        Sides(
            upstream=upstream,
            table=table,
            house=house,
            notes=own.fidelity,
            spec=spec,
            emitted=emitted,
            defaults=known_keys(spec.algorithm.kind),
        )
    )
    return LegFidelity(
        name=stage,
        upstream=name,
        script=upstream.script,
        framework=upstream.framework,
        perf=upstream.perf,
        rows=rows,
        emitted=len(emitted),
        unsourced=unsourced(spec, own.recipe, rows, house.fixed | table.fixed),
    )


def card_names(variant: str | None, stage: str) -> list[str]:
    """Which of the card's `variants` speak about one training; later ones win."""
    both = [f"{variant}_{stage}"] if variant and stage else []
    return [name for name in (variant, stage) if name] + both


def upstream_name(id: str, variant: str | None, stage: str) -> str:
    """Which upstream file a training is held to: <variant>_<stage>, stage, variant or main.

    Raises:
        ConfigError: there is none.
    """
    wanted = [*reversed(card_names(variant, stage)), *([] if variant else ["main"])]
    there = upstream_names(id)
    found = next((name for name in wanted if name in there), None)
    if found is None:
        raise ConfigError(
            f"reproductions/{id}/upstream has no file for this run: wanted "
            f"{' or '.join(f'{name}.yaml' for name in wanted)}, there: {', '.join(there) or 'none'}"
        )
    return found


def stray(card: Card) -> list[str]:
    """Entries of the card's fidelity that name nothing in any of its upstream files."""
    runs = [load_upstream(card.id, name) for name in upstream_names(card.id)]
    known = {
        "settings": {key for run in runs for key in run.effective},
        "semantics": {key for run in runs for key in run.semantics},
        "verl": {key for run in runs for key in run.verl},
    }
    notes = {"": card.fidelity} | {f"variants.{n}.": v.fidelity for n, v in card.variants.items()}
    return [
        f"{where}fidelity.{part}.{name}: the card explains it, and no upstream file has it"
        for where, note in notes.items()
        for part, names in known.items()
        for name in getattr(note, part)
        if name not in names
    ]


def needless(found: Sequence[Fidelity]) -> list[str]:
    """Explanations of one card, over all its recipes, for differences that are nowhere."""
    rows = [row for one in found for leg in one.legs for row in leg.rows]
    card = load_card(found[0].repro)
    differing = {(r.part, r.key) for r in rows if r.status in ("changed", "unexplained")}
    plain = {
        key for key, note in card.fidelity.settings.items() if note.model_fields_set == {"reason"}
    }
    return [
        f"fidelity.settings.{key}: a reason for a difference that is not there"
        for key in sorted(plain)
        if ("setting", key) not in differing
    ] + [
        f"fidelity.verl.{key}: a reason for a difference that is not there"
        for key in card.fidelity.verl
        if ("verl", key) not in differing
    ]
