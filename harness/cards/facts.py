"""The pieces of a card: where upstream is, what it reports, where numbers come from."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

ORIGIN = r"(?:[^@\s]+@[0-9A-Za-z.]+|[\w.\-]+==[\w.]+):\S+"
SOURCE = rf"^{ORIGIN}$|^arXiv:\S+"
"""repo@commit:path, package==version:path, or arXiv:id."""
PUBLISHED = rf"{SOURCE}|^https://\S+ \(\d{{4}}(?:-\d{{2}}){{0,2}}\)"
"""As SOURCE, or a page with the date it is from: https://host/page (2025-03-01)."""
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
    rows: int | None
    """Rows used; null when the count is not published."""
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
    """What else is known, or which of several runs this is."""


class Range(Fact):
    """A number with the range it plausibly lies in."""

    low: PositiveFloat
    """Lowest plausible value."""
    mid: PositiveFloat
    """Best estimate."""
    high: PositiveFloat
    """Highest plausible value."""

    @model_validator(mode="after")
    def ordered(self) -> Self:
        """low <= mid <= high."""
        if not self.low <= self.mid <= self.high:
            raise ValueError(f"{self.low:g}, {self.mid:g}, {self.high:g}: give low <= mid <= high")
        return self


class Lengths(Fact):
    """How long prompts and responses are in training; the plan of hours rests on them."""

    prompt_tokens: PositiveFloat | None = None
    """Mean prompt length in tokens; null when nothing says it."""
    response_tokens: Range
    """Mean response length in tokens, averaged over the training run."""
    source: Annotated[str, Field(pattern=PUBLISHED)]
    """Where the response length, or what it is estimated from, is published."""
    note: str | None = None
    """What the source says, and how the mean over the run was read from it."""


class Provenance(Fact):
    """Where one value of the recipe comes from."""

    value: Any
    """The value, in the terms of RunSpec."""
    origin: Literal["script", "fork_default", "hard_coded", "paper", "ours"] = Field(alias="from")
    """script, fork_default, hard_coded: read upstream; ours: chosen here."""
    source: Annotated[str, Field(pattern=SOURCE)] | None = None
    """repo@commit:path, package==version:path, or arXiv:id."""
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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
