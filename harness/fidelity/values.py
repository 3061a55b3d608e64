"""Values of upstream against values of a RunSpec: looking them up, converting, comparing."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from harness.cards import Destination


class Absent:
    """Stands for a field of a part that the run does not have."""

    def __repr__(self) -> str:
        return "(not there)"


ABSENT = Absent()


def lookup(spec: BaseModel, field: str) -> Any:
    """The value of a dotted field; ABSENT below a part that is null.

    Raises:
        KeyError: no part of this kind has such a field.
    """
    value: Any = spec
    for name in field.split("."):
        if value is None:
            return ABSENT
        if isinstance(value, Mapping):
            value = value.get(name, ABSENT)
        elif isinstance(value, BaseModel) and name in type(value).model_fields:
            value = getattr(value, name)
        else:
            raise KeyError(field)
    return value


def same(left: Any, right: Any) -> bool:
    """Equal as settings: numbers by value, lists item by item, a switch is no number."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def is_one_of(value: Any, allowed: Any) -> bool:
    """Is it the value, or one of the list of values?"""
    return any(same(value, one) for one in (allowed if isinstance(allowed, list) else [allowed]))


def translated(value: Any, *dictionaries: Mapping[Any, Any]) -> Any:
    """The value in our words; the first dictionary that has it wins."""
    for words in dictionaries:
        for theirs, ours in words.items():
            if same(theirs, value):
                return ours
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [translated(item, *dictionaries) for item in value]
    return value


def converted(value: Any, to: Destination, words: Mapping[Any, Any], spec: BaseModel) -> Any:
    """Upstream's value in the words and units of RunSpec."""
    value = translated(value, to.values, words)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if to.divide_by is not None:
        value = value / _factor(to.divide_by, spec)
    if to.times is not None:
        value = value * _factor(to.times, spec)
    return value


def _factor(given: str | float, spec: BaseModel) -> float:
    return float(lookup(spec, given) if isinstance(given, str) else given)
