"""One published run against one training of a composed run: a row for each of upstream's keys and
behaviours, and what stays unexplained. Pure; nothing here reads a file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import yaml

from harness.cards import Destination, FidelityNotes, Setting
from harness.fidelity.format import Table, UpstreamRun
from harness.fidelity.values import ABSENT, converted, is_one_of, lookup, same, translated
from harness.spec import RunSpec

Status = Literal["same", "renamed", "changed", "not expressible", "without effect", "unexplained"]
Part = Literal["setting", "semantic", "verl"]
ASSIGNMENT = re.compile(r"([a-z_]+(?:\.[a-z_]+)+)=(\[[^\]]*\]|[\w.+\-/:]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One of upstream's keys or behaviours, and what became of it."""

    part: Part
    key: str
    theirs: Any
    """Upstream's value; for a behaviour, what it does."""
    origin: str
    """script, fork_default or hard_coded; for a behaviour, where it was read."""
    our_key: str = ""
    """RunSpec fields or verl key, as far as there are any."""
    ours: Any = None
    status: Status = "unexplained"
    reason: str = ""
    """Why it differs, has no effect, or is met without a setting; what is wrong, if unexplained."""
    vouched: tuple[str, ...] = ()
    """RunSpec fields whose value this row accounts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is compared."""

    upstream: UpstreamRun
    table: Table
    house: Table
    """What this harness does the same way for every recipe."""
    notes: FidelityNotes
    """The card's words for this run."""
    spec: RunSpec
    emitted: Mapping[str, Any]
    """verl keys of this training."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the pinned verl, for keys that are not emitted."""


def compare(sides: Sides) -> list[Row]:
    """A row for each key, behaviour and verl key of upstream, in the order of its file."""
    return [
        *(_setting(sides, key) for key in sides.upstream.effective),
        *(_semantic(sides, name) for name in sides.upstream.semantics),
        *_verl(sides),
    ]


def _setting(sides: Sides, key: str) -> Row:
    """What became of one key of upstream."""
    found = sides.upstream.effective[key]
    row = Row(part="setting", key=key, theirs=found.value, origin=found.origin)
    note, destination = sides.notes.settings.get(key), sides.table.destination(key)
    if note and note.lost:
        return replace(row, status="not expressible", reason=note.lost)
    if note and note.met:
        return replace(row, status="same", reason=note.met)
    if note and (note.field or note.present):
        destination = note
    if destination is None:
        return _unmapped(sides, row, note)
    if idle := _idle(destination, sides.upstream):
        return replace(row, status="without effect", reason=idle)
    return _mapped(sides, row, destination, note)


def _unmapped(sides: Sides, row: Row, note: Setting | None) -> Row:
    """A key that goes to no field."""
    met = sides.table.met.get(row.key)
    if note:
        return replace(row, reason="the card says why, but not where: give field, met or lost")
    if row.key in sides.table.without_effect:
        return replace(row, status="without effect", reason=sides.table.without_effect[row.key])
    if met and same(met.value, row.theirs):
        return replace(row, status="same", reason=met.how)
    return replace(
        row,
        reason=f"no destination: the table {sides.upstream.table} does not place this value; give "
        f"fidelity.settings.{row.key} a field, met or lost in the card",
    )


def _idle(destination: Destination, upstream: UpstreamRun) -> str:
    """Why upstream does not read the key; empty when it does."""
    values = {name: found.value for name, found in upstream.effective.items()}
    for name, wanted in destination.when.items():
        if name in values and not is_one_of(values[name], wanted):
            return f"read only where {name} is {shown(wanted)}"
    for name, unwanted in destination.unless.items():
        if name in values and is_one_of(values[name], unwanted):
            return f"not read where {name} is {shown(values[name])}"
    other = destination.yields_to
    if other and other in values and values[other] is not None:
        return f"{other} takes its place"
    return ""


def _mapped(sides: Sides, row: Row, to: Destination, note: Setting | None) -> Row:
    """A key that goes to one or several fields, or to a part that is there or not."""
    stated = note is not None and "equals" in note.model_fields_set
    try:
        expected = converted(row.theirs, to, sides.table.values, sides.spec)
        ours = _ours(to, sides.spec)
    except KeyError as error:
        return replace(row, reason=f"a run has no field {error.args[0]}")
    if note and stated:
        expected = note.equals
    row = replace(
        row,
        our_key=", ".join(ours),
        ours=next(iter(ours.values())) if len(ours) == 1 else list(ours.values()),
        vouched=tuple(ours),
        reason=(note.reason or "") if note else "",
    )
    one_each = len(ours) > 1 and isinstance(expected, list) and len(expected) == len(ours)
    if all(map(same, ours.values(), expected if one_each else [expected] * len(ours))):
        return replace(row, status="same" if _keeps_its_name(sides, row) else "renamed")
    if row.reason and not stated:
        return replace(row, status="changed")
    return replace(
        row,
        reason=f"{row.our_key} is {shown(row.ours)}, upstream has {shown(expected)}: change the "
        f"recipe, or give fidelity.settings.{row.key} a reason in the card",
    )


def _ours(to: Destination, spec: RunSpec) -> dict[str, Any]:
    """The fields of a destination with their values in the run."""
    if to.present:
        return {to.present: lookup(spec, to.present) not in (None, ABSENT)}
    names = to.field if isinstance(to.field, list) else [str(to.field)]
    found = {name: lookup(spec, name) for name in names}
    if to.or_else and list(found.values()) == [None]:
        return {to.or_else: lookup(spec, to.or_else)}
    return found


def _keeps_its_name(sides: Sides, row: Row) -> bool:
    """Is verl given the same value below upstream's own key?"""
    value = translated(row.theirs, sides.table.values)
    return row.key in sides.emitted and same(sides.emitted[row.key], value)


def _semantic(sides: Sides, name: str) -> Row:
    """What became of one behaviour of upstream."""
    behaviour, note = sides.upstream.semantics[name], sides.notes.semantics.get(name)
    row = Row(part="semantic", key=name, theirs=behaviour.says, origin=behaviour.at)
    if note is None:
        return replace(
            row,
            reason=f"the card does not say how it is met: give fidelity.semantics.{name} kept, "
            "changed or lost",
        )
    if note.changed:
        return replace(row, status="changed", reason=note.changed)
    if note.lost:
        return replace(row, status="not expressible", reason=note.lost)
    return _kept(sides.spec, row, note.kept or "")


def _kept(spec: RunSpec, row: Row, words: str) -> Row:
    """A behaviour that is the same here; every `field=value` in the words is held to it."""
    stated = {name: _plain(text) for name, text in ASSIGNMENT.findall(words)}
    stated = {name: value for name, value in stated.items() if _is_of_a_run(name)}
    for name, value in stated.items():
        try:
            ours = lookup(spec, name)
        except KeyError:
            return replace(row, reason=f"the card says {words!r}, but a run has no field {name}")
        if not same(ours, value):
            return replace(row, reason=f"the card says {words!r}, but {name} is {shown(ours)}")
    return replace(row, status="same", reason=words, vouched=tuple(stated))


def _is_of_a_run(name: str) -> bool:
    return name.split(".")[0] in RunSpec.model_fields


def _plain(text: str) -> Any:
    """A value as a card writes it behind `=`; also 1e6, which YAML takes for text."""
    value = yaml.safe_load(text.rstrip(".:"))
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _verl(sides: Sides) -> Iterator[Row]:
    """Whether the keys that somebody worked out for the pinned verl are the ones we emit."""
    for key, theirs in sides.upstream.verl.items():
        ours = sides.emitted.get(key, sides.defaults.get(key, ABSENT))
        row = Row(part="verl", key=key, theirs=theirs, origin="", our_key=key, ours=ours)
        if same(ours, translated(theirs, sides.table.values)) or same(ours, theirs):
            yield replace(row, status="same", reason=sides.notes.verl.get(key, ""))
        elif key in sides.notes.verl:
            yield replace(row, status="changed", reason=sides.notes.verl[key])
        elif key in sides.house.verl:
            yield replace(row, status="without effect", reason=sides.house.verl[key])
        else:
            yield replace(
                row,
                reason=f"verl is given {shown(ours)}, upstream's translation has {shown(theirs)}: "
                f"change the recipe, or give fidelity.verl.{key} a reason in the card",
            )


def shown(value: Any) -> str:
    """A value as YAML would write it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
