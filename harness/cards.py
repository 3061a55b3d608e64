"""Cards: the typed facts about a surveyed project; conformance, tests and listings read them."""

import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from evals import METRIC
from harness.errors import ConfigError
from harness.spec import RunSpec

REPRODUCTIONS = Path(__file__).parents[1] / "reproductions"
SOURCE = r"^[^@\s]+@[0-9A-Za-z.]+:\S+$|^arXiv:\S+"


class Fact(BaseModel):
    """A frozen piece of a card that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True
    )


class Upstream(Fact):
    """Where the published code is."""

    repo: str
    """owner/name on GitHub."""
    commit: str
    """The commit that every source of the card refers to."""
    licence: str
    """SPDX id, or unknown."""
    framework: str
    """The training framework and its version."""
    script: str
    """The launch script that the recipe follows."""
    paper: str | None
    """arXiv id; null when there is no paper."""


class Dataset(Fact):
    """One data set that upstream trains or tests on."""

    id: str
    """Hub id."""
    split: str
    """Split that is read."""
    rows: int
    """Rows used."""
    use: Literal["train", "test"]
    """What they are used for."""
    note: str | None = None
    """Which rows, and how they are filtered."""


class Cost(Fact):
    """Hardware as upstream reports it; null means that it does not say."""

    gpus: str | None
    """Number of GPUs."""
    gpu: str | None
    """GPU model."""
    nodes: int | None
    """Machines."""
    hours: float | None
    """Wall-clock hours."""
    cost: str | None
    """Money."""
    note: str | None = None
    """What else is known."""


class Claim(Fact):
    """One published number with its protocol."""

    benchmark: str
    """A name in evals/benchmarks, or the test set in upstream's words when there is none."""
    problems: PositiveInt | None = None
    """Problems in upstream's test set; null when it does not say."""
    metric: Annotated[str, Field(pattern=METRIC.pattern)]
    """avg@k, pass@k, maj@k (or mean@k, cons@k), accuracy or greedy."""
    model: str | None = None
    """Which of upstream's models, when it releases several."""
    value: Annotated[float, Field(ge=0, le=100)]
    """The number in percent, as published."""
    samples_per_problem: PositiveInt | None
    """k."""
    temperature: float | None
    """Sampling temperature."""
    top_p: float | None
    """Nucleus mass."""
    max_tokens: PositiveInt | None
    """Longest response."""
    template: str | None
    """How the problem is shown: a name in conf/eval/prompt."""
    grader: str | None
    """What judges the answer: a name in evals/grading."""
    source: str
    """Where it is published."""


class Provenance(Fact):
    """Where one value of the recipe comes from."""

    value: Any
    """The value, in the terms of RunSpec."""
    origin: Literal["script", "fork_default", "hard_coded", "paper", "ours"] = Field(alias="from")
    """script, fork_default, hard_coded: read upstream; ours: chosen here."""
    source: Annotated[str, Field(pattern=SOURCE)] | None = None
    """repo@commit:path, or arXiv:id."""
    reason: str | None = None
    """Why the value was chosen here."""

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Upstream values need a source, ours a reason, and numbers must not be text."""
        if self.origin == "ours" and not self.reason:
            raise ValueError("a value from: ours needs a reason")
        if self.origin != "ours" and not self.source:
            raise ValueError(f"a value from: {self.origin} needs a source, repo@commit:path")
        if isinstance(self.value, str) and _is_number(self.value):
            raise ValueError(f"{self.value!r} is text in YAML; write numbers like 1.0e-06")
        return self


class Difference(Fact):
    """A known difference between upstream and the recipe."""

    what: str
    """Upstream's behaviour and ours."""
    effect: str
    """What is expected to follow from it."""
    source: str | None = None
    """Where upstream's behaviour was read."""


class Card(Fact):
    """Everything known about one surveyed project that its reproduction rests on."""

    id: str
    name: str
    upstream: Upstream
    base_models: list[str]
    """Hub ids, with what upstream says about them."""
    data: list[Dataset]
    hardware: Cost
    claims: list[Claim]
    """Published numbers that an evaluation can be compared with."""
    released_model: str | None = None
    """Hub id of the weights that the claims are about; the control measures them."""
    released_revision: str | None = None
    """Hub commit of those weights."""
    claims_note: str | None = None
    """Why there are none, or what they lack."""
    statements: list[str] = []
    """What upstream says in words."""
    golden: dict[str, str] = {}
    """Function of the golden cases -> `module:function` of the scorer here."""
    recipe: dict[str, Provenance]
    """Dotted RunSpec field -> where its value comes from."""
    differences: list[Difference] = []
    miniature: dict[str, str] = {}
    """Dotted RunSpec field that the laptop-size recipe changes -> why."""


class Entry(Fact):
    """One surveyed system in the catalogue."""

    id: str
    name: str
    status: Literal["recipe", "planned", "evaluation only", "not reproducible"]
    card: str | None = None
    """Path of the card, for a recipe."""
    note: str | None = None
    """Why it is not a recipe, or what there is instead."""


def catalogue() -> list[Entry]:
    """Every surveyed system, in the order of the file."""
    path = REPRODUCTIONS / "catalogue.yaml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [Entry.model_validate(entry) for entry in entries]
    except (OSError, yaml.YAMLError, TypeError, ValidationError) as error:
        raise ConfigError(f"{path} is not a catalogue: {error}") from error


def load_card(id: str) -> Card:
    """The card of a reproduction.

    Raises:
        ConfigError: there is no such card, or it is malformed.
    """
    path = REPRODUCTIONS / id / "card.yaml"
    if not path.is_file():
        raise ConfigError(f"no card for {id!r}; there are cards for {', '.join(card_ids())}")
    return read_card(path)


def card_ids() -> list[str]:
    """Ids of all reproductions with a card."""
    return sorted(path.parent.name for path in REPRODUCTIONS.glob("*/card.yaml"))


@cache
def read_card(path: Path) -> Card:
    """The card in a file."""
    try:
        return Card.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{path} is not a card: {error}") from error


def unsourced(spec: RunSpec, card: Card) -> list[str]:
    """What keeps the card from vouching for the spec: one `field: reason` for each such field.

    A provenance is needed for the numbers, switches and choices of spec.algorithm and
    spec.schedule and for the numbers of spec.data; a provenance given for any other field must
    agree as well. In a miniature the fields that the card explains under `miniature` pass.
    """
    excused = tuple(card.miniature) if spec.miniature else ()
    values = {field: value for field, value, _ in _walk(spec, "")}
    problems = []
    for field in [*sourced_fields(spec), *card.recipe]:
        if any(field == name or field.startswith(f"{name}.") for name in excused):
            continue
        stated = card.recipe.get(field)
        if stated is None:
            problems.append(f"{field}: the run has {values[field]!r}, the card no provenance")
        elif field not in values:
            problems.append(f"{field}: the card has a provenance, the run no such field")
        elif not _same(values[field], stated.value):
            problems.append(
                f"{field}: the run has {values[field]!r}, "
                f"the card {stated.value!r} ({stated.origin})"
            )
    return list(dict.fromkeys(problems))


def sourced_fields(spec: RunSpec) -> list[str]:
    """The dotted fields that need a provenance."""
    return [
        field
        for field, _, kinds in _walk(spec, "")
        if (field.startswith(("algorithm.", "schedule.")) and _is_setting(kinds))
        or (field.startswith("data.") and kinds & {int, float})
    ]


def _walk(part: BaseModel, prefix: str) -> Iterator[tuple[str, Any, set[Any]]]:
    """Every dotted field below a part, with its value and the types and choices it may have."""
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _walk(value, f"{prefix}{name}.")
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


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
