"""The reward interface: what a scoring function receives and returns; verl's reward manager,
evaluation and conformance all call rewards through it."""

from collections.abc import Mapping
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
