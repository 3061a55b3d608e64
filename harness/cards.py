"""Cards: the typed facts about a surveyed project; conformance, tests and listings read them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from evals import METRIC
from harness.errors import ConfigError

REPRODUCTIONS = Path(__file__).parents[1] / "reproductions"
PROTOCOL = (
    "problems",
    "samples_per_problem",
    "temperature",
    "top_p",
    "max_tokens",
    "template",
    "grader",
)
"""What a claim must state besides benchmark and metric, or give a reason for."""
SOURCE = r"^[^@\s]+@[0-9A-Za-z.]+:\S+$|^arXiv:\S+"


Text = Annotated[str, Field(min_length=1)]


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


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


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
    """What else is known, or which of several runs this is."""


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
    note: str | None = None
    """Why a part of the protocol is null, or what else the reader must know."""


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


class Destination(Fact):
    """Where one of upstream's keys goes in RunSpec, and how its value is converted."""

    field: str | list[str] | None = None
    """RunSpec field with the same meaning; several share the value, or take one of a list each."""
    present: str | None = None
    """Instead of a field: the part of RunSpec that is there if upstream's switch is on."""
    divide_by: str | float | None = None
    """A RunSpec field or a number."""
    times: str | float | None = None
    """A RunSpec field or a number."""
    values: dict[Any, Any] = {}
    """Upstream's value -> ours, for this key; goes before the table's."""
    when: dict[str, Any] = {}
    """Other upstream keys and the values at which this one is read; a key that upstream lacks does
    not count."""
    unless: dict[str, Any] = {}
    """Other upstream keys and the values at which this one is not read."""
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
    released_model: str | None = None
    """Hub id of this run's weights."""
    released_revision: str | None = None
    """Hub commit of those weights."""


class Card(Fact):
    """Everything known about one surveyed project that its reproduction rests on."""

    id: str
    name: str
    upstream: Upstream
    base_models: list[str]
    """Hub ids, with what upstream says about them."""
    data: list[Dataset]
    hardware: Annotated[list[Cost], BeforeValidator(_as_list)]
    """As upstream reports it: one entry, or one for each published run."""
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
    fidelity: FidelityNotes = FidelityNotes()
    miniature: dict[str, str] = {}
    """Dotted RunSpec field that the laptop-size recipe changes -> why."""
    variants: dict[str, Variant] = {}
    """Name of a variant or stage -> what holds for it alone."""

    @model_validator(mode="after")
    def protocols(self) -> Self:
        """A claim states its whole protocol, or the card says why it does not."""
        for claim in self.claims:
            missing = [name for name in PROTOCOL if getattr(claim, name) is None]
            if missing and not (claim.note or self.claims_note):
                raise ValueError(
                    f"the claim {claim.value} on {claim.benchmark} lacks {', '.join(missing)}: "
                    "give them, or say why in its note or in claims_note"
                )
        if not self.claims and not self.claims_note:
            raise ValueError("no claims: say why in claims_note")
        return self

    def of(self, names: Sequence[str]) -> "Card":
        """The card with what it says about these variants and stages only; later names win."""
        card = self
        for variant in [self.variants[name] for name in names if name in self.variants]:
            notes = variant.fidelity
            update: dict[str, Any] = {
                "recipe": card.recipe | variant.recipe,
                "miniature": card.miniature | variant.miniature,
                "fidelity": FidelityNotes(
                    settings=card.fidelity.settings | notes.settings,
                    semantics=card.fidelity.semantics | notes.semantics,
                    verl=card.fidelity.verl | notes.verl,
                ),
            }
            if variant.released_model:
                update["released_model"] = variant.released_model
                update["released_revision"] = variant.released_revision
            card = card.model_copy(update=update)
        return card


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
