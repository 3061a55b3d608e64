"""What varies between runs and what does not, from their configurations; read by rows.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.read import flattened
from harness.report.run.configuration import as_text

NOT_COMPARED = ("output_root", "launch", "tracking")
"""Parts of a configuration that say where a run goes, not what it does."""
MOST_FIELDS = 6
"""Columns of the table; further fields are named below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Varied:
    """One field that differs between the runs."""

    field: str
    """Dotted."""
    label: str
    """Its shortest ending that no other field here has."""
    values: tuple[Any, ...]
    """One a run, null where it has no such field."""
    also: tuple[str, ...] = ()
    """Fields that differ in step with it, so that they need no column."""

    @property
    def numeric(self) -> bool:
        """Every value is a number."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The configurations of several runs, told apart."""

    varied: list[Varied]
    """Those with a column, the ones that a command line set first."""
    hidden: list[Varied]
    """Those that found no room."""
    seed: Varied | None
    """The seeds that differ: runs that differ in nothing else are repetitions."""
    fixed: dict[str, str]
    """Field -> its one value."""
    groups: list[int]
    """Number of its group for each run: equal in all but seeds."""


def compare(specs: Sequence[dict[str, Any]], overridden: Sequence[str] = ()) -> Fields:
    """Tells fields apart that vary and that do not.

    Args:
        specs: the configuration of each run.
        overridden: fields that a command line set; of fields that differ in step, these are named.
    """
    flats = [
        flattened({k: v for k, v in spec.items() if k not in NOT_COMPARED}) for spec in specs
    ]  # fmt: skip
    names = list(dict.fromkeys(name for spec in flats for name in spec))
    columns = {name: tuple(spec.get(name) for spec in flats) for name in names}
    patterns = {name: _pattern(values) for name, values in columns.items()}
    differing = [name for name in names if max(patterns[name], default=0) > 0]
    seeds = [name for name in differing if _is_seed(name)]
    together: dict[tuple[int, ...], list[str]] = {}
    for name in differing:
        if name not in seeds:
            together.setdefault(patterns[name], []).append(name)
    named = [sorted(found, key=lambda n: _rank(n, overridden)) for found in together.values()]
    named.sort(key=lambda found: _rank(found[0], overridden))
    labels = _labels([found[0] for found in named])
    varied = [
        Varied(field=found[0], label=label, values=columns[found[0]], also=tuple(found[1:]))
        for found, label in zip(named, labels, strict=True)
    ]
    keys = list(zip(*(patterns[v.field] for v in varied), strict=True)) or [()] * len(specs)
    return Fields(
        varied=varied[:MOST_FIELDS],
        hidden=varied[MOST_FIELDS:],
        seed=_seed([(name, columns[name]) for name in seeds]),
        fixed={name: as_text(columns[name][0]) for name in names if name not in differing},
        groups=list(_pattern(keys)),
    )


def _seed(seeds: Sequence[tuple[str, tuple[Any, ...]]]) -> Varied | None:
    """The seeds that differ as one column."""
    if not seeds:
        return None
    names, columns = zip(*seeds, strict=True)
    rows = [", ".join(map(as_text, row)) for row in zip(*columns, strict=True)]
    return Varied(
        field=", ".join(names), label="seed", values=columns[0] if len(names) == 1 else tuple(rows)
    )


def _is_seed(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last == "seed" or last.endswith("_seed")


def _pattern(values: Sequence[Any]) -> tuple[int, ...]:
    """Each value as the number of its first occurrence among different ones: a b a -> 0 1 0."""
    seen: dict[str, int] = {}
    return tuple(seen.setdefault(as_text(value), len(seen)) for value in values)


def _rank(name: str, overridden: Sequence[str]) -> tuple[Any, ...]:
    """What names a difference best: what was typed, then a name, then what lies high."""
    typed = name in overridden or any(name.startswith(f"{word}.") for word in overridden)
    order = overridden.index(name) if name in overridden else len(overridden)
    is_name = name in ("repro", "variant") or name.endswith(".name")
    return (not typed, order, not is_name, name.count("."), name)


def _labels(names: Sequence[str]) -> list[str]:
    """The shortest ending of each name that is no ending of another."""
    found = []
    for name in names:
        parts = name.split(".")
        endings = [".".join(parts[-size:]) for size in range(1, len(parts) + 1)]
        found.append(next((e for e in endings if _only(e, name, names)), name))
    return found


def _only(ending: str, name: str, names: Sequence[str]) -> bool:
    others = [other for other in names if other != name]
    return ending != "name" and not any(o == ending or o.endswith(f".{ending}") for o in others)
