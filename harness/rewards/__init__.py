"""The reward interface: what a scoring function receives and returns; verl's reward manager,
evaluation and conformance all call rewards through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One response to one prompt, as the scoring function sees it."""

    prompt: str
    """The rendered prompt, special tokens kept."""
    response: str
    """The decoded response, special tokens kept, padding removed."""
    ground_truth: Any
    """What data.ground_truth names (a mapping), or the golden case's value."""
    response_tokens: int | None = None
    """Length of the response in tokens, if known."""
    token_ids: tuple[int, ...] | None = None
    """Tokens of the response, if known."""
    truncated: bool = False
    """True when the response hit the token limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A verdict on one response."""

    value: float
    """The reward."""
    correct: bool
    """True when the answer itself is right: what accuracy counts."""
    extracted: str | None = None
    """The answer as found in the response; None when there is none."""
    components: Mapping[str, float] = field(default_factory=dict)
    """Named parts of the reward, for curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A response with its own score, as a function over a whole group receives it."""

    sample: Sample
    """The response."""
    score: Score
    """What the scoring function gave it alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All responses of a training step, as a function over the whole step receives them."""

    groups: Sequence[Sequence[Scored]]
    """The responses to each prompt, prompts and responses in the order in which they were drawn."""
    step: int
    """Training step, from 1."""
    state: dict[str, Any]
    """What the function keeps from step to step (JSON types); saved with every checkpoint, so that
    a resumed run goes on with it. Empty at the first step."""
    validation: Mapping[str, float] = field(default_factory=dict)
    """verl's metrics of the latest validation; empty before the first."""
    monitor: Sequence[Sequence[Scored]] | None = None
    """Responses to the monitor problems, if they were sampled just before this step."""
