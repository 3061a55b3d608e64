"""The card of a surveyed project, and where it lies; everything that needs its facts loads it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BeforeValidator, ValidationError, model_validator

from harness.cards.claim import Claim, Claims
from harness.cards.facts import (
    Cost,
    Dataset,
    Difference,
    Fact,
    Lengths,
    Provenance,
    Upstream,
)
from harness.cards.golden import Golden
from harness.cards.notes import FidelityNotes, Variant
from harness.errors import ConfigError
from harness.files import read_yaml

REPRODUCTIONS = Path(__file__).parents[2] / "reproductions"
PROTOCOL = (
    "samples_per_problem",
    "temperature",
    "top_p",
    "max_tokens",
    "template",
    "grader",
)
"""What a claim must state besides benchmark and metric, or give a reason for."""
DRAWN = ("samples_per_problem", "temperature", "top_p")
"""What the metric greedy states by itself."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


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
    lengths: dict[str, Lengths] = {}
    """Variant or stage, or "" for every training -> how long prompts and responses are."""
    claims: Claims
    """Published numbers that an evaluation can be compared with."""
    released_model: str | None = None
    """Hub id of the weights that the claims are about; the control measures them."""
    released_revision: str | None = None
    """Hub commit of those weights."""
    claims_note: str | None = None
    """Why there are none, or what they lack."""
    statements: list[str] = []
    """What upstream says in words."""
    golden: dict[str, Golden] = {}
    """Function of the golden cases -> `module:function` here, or how that is called."""
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
            missing = [name for name in asked_of(claim) if getattr(claim, name) is None]
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
            if variant.claims is not None:
                update["claims"] = variant.claims
            if variant.released_model:
                update["released_model"] = variant.released_model
                update["released_revision"] = variant.released_revision
            card = card.model_copy(update=update)
        return card


def asked_of(claim: Claim) -> list[str]:
    """The fields of its protocol that a claim must state, or give a reason for."""
    told: set[str] = set(DRAWN) if claim.metric == "greedy" else set()
    if claim.kind == "length":
        told.add("grader")
    if claim.at and claim.at.x == "limit":
        told.add("max_tokens")
    return [name for name in PROTOCOL if name not in told]


def load_card(id: str) -> Card:
    """The card of a reproduction.

    Raises:
        ConfigError: there is no such card, or it is malformed.
    """
    path = REPRODUCTIONS / id / "card.yaml"
    if not path.is_file():
        raise ConfigError(f"no card for {id!r}; there are cards for {', '.join(card_ids())}")
    return read_card(path)


def shipped_cases(id: str) -> Path:
    """The golden cases that ship with a reproduction."""
    return REPRODUCTIONS / id / "golden.jsonl"


def card_ids() -> list[str]:
    """Ids of all reproductions with a card."""
    return sorted(path.parent.name for path in REPRODUCTIONS.glob("*/card.yaml"))


@cache
def read_card(path: Path) -> Card:
    """The card in a file."""
    try:
        return Card.model_validate(read_yaml(path))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{path} is not a card: {error}") from error
