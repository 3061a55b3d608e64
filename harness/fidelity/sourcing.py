"""Where each number of a recipe comes from: an upstream key, the framework, or the card. What none
of them vouches for is refused."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from harness.cards import Provenance
from harness.fidelity.compare import Row, shown
from harness.fidelity.format import Fixed
from harness.fidelity.values import is_one_of, same
from harness.spec import RunSpec


def unsourced(
    spec: RunSpec,
    recipe: Mapping[str, Provenance],
    rows: Sequence[Row],
    fixed: Mapping[str, Fixed],
) -> list[str]:
    """What keeps a full-size run from being vouched for: one `field: reason` for each such field.

    A source is needed for the numbers, switches and choices of spec.algorithm and spec.schedule and
    for the numbers of spec.data; what the card's recipe says of any other field must agree as well.

    Args:
        spec: one training at full size.
        recipe: the card's provenances.
        rows: fidelity of the same training; a field that an upstream key or a kept behaviour
            gives its value needs no provenance of its own.
        fixed: what the framework and this harness always do.
    """
    values = {field: value for field, value, _ in walk(spec)}
    vouched = {field for row in rows for field in row.vouched}
    problems = []
    for field in dict.fromkeys([*sourced_fields(spec), *recipe]):
        stated = recipe.get(field)
        if stated is not None and field not in values:
            problems.append(f"{field}: the card has a provenance, the run no such field")
        elif stated is not None and not same(values[field], stated.value):
            problems.append(
                f"{field}: the run has {shown(values[field])}, "
                f"the card {shown(stated.value)} ({stated.origin})"
            )
        elif (
            stated is None
            and field not in vouched
            and not _is_fixed(fixed.get(field), values, field)
        ):
            problems.append(
                f"{field}: the run has {shown(values[field])}, and neither an upstream key "
                "nor the card's recipe says where that comes from"
            )
    return problems


def _is_fixed(general: Fixed | None, values: Mapping[str, Any], field: str) -> bool:
    return (
        general is not None
        and same(values[field], general.value)
        and all(is_one_of(values.get(name), wanted) for name, wanted in general.when.items())
    )


def unexplained_in_miniature(
    small: RunSpec, full: RunSpec, explained: Mapping[str, str]
) -> list[str]:
    """Fields that the laptop-size recipe changes and the card does not explain.

    Args:
        small: the run on hardware=cpu.
        full: the same recipe at full size.
        explained: the card's `miniature`; an entry covers all fields below it.
    """
    before = {field: value for field, value, _ in walk(full)}
    after = {field: value for field, value, _ in walk(small)}
    wanted = {*sourced_fields(full), *sourced_fields(small)}
    return [
        f"{field}: {shown(before.get(field))} at full size, {shown(after.get(field))} in miniature"
        for field in [*before, *(field for field in after if field not in before)]
        if field in wanted
        and (field not in before or field not in after or not same(before[field], after[field]))
        and not any(field == name or field.startswith(f"{name}.") for name in explained)
    ]


def sourced_fields(spec: RunSpec) -> list[str]:
    """The dotted fields that need a source."""
    return [
        field
        for field, _, kinds in walk(spec)
        if (field.startswith(("algorithm.", "schedule.")) and _is_setting(kinds))
        or (field.startswith("data.") and kinds & {int, float})
    ]


def walk(part: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, set[Any]]]:
    """Every dotted field below a part, with its value and the types and choices it may have."""
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, _kinds(info.annotation)


def _kinds(annotation: Any) -> set[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kinds(arguments[0])
    if origin is Literal:
        return set(arguments)
    if origin in (Union, types.UnionType, tuple):
        return set().union(*map(_kinds, arguments))
    return {annotation}


def _is_setting(kinds: set[Any]) -> bool:
    """Is it a number, a switch, a choice among several words, or a part that is switched off?"""
    words = [kind for kind in kinds if isinstance(kind, str)]
    part = any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)
    return bool(kinds & {int, float, bool}) or len(words) > 1 or part
