"""The pieces of a card: where upstream is, what it reports and claims, where numbers come from."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from evals import METRIC

ORIGIN = r"(?:[^@\s]+@[0-9A-Za-z.]+|[\w.\-]+==[\w.]+):\S+"
SOURCE = rf"^{ORIGIN}$|^arXiv:\S+"
"""repo@commit:path, package==version:path, or arXiv:id."""
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
