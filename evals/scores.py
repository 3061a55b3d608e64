"""What an evaluation says: scores.json, written by evals/run.py, read by the report."""

from typing import Any

from pydantic import PositiveInt

from evals.job import Frozen
from evals.stats import Interval


class ModelScore(Frozen):
    """The score of one model on one benchmark."""

    label: str
    """base or trained."""
    path: str
    """The model as given."""
    fingerprint: str
    """Hash of the model's files."""
    accuracy: Interval
    """avg@k."""
    pass_at: dict[int, Interval]
    """Unbiased pass@k for powers of two up to k, and k."""
    mean_reward: Interval
    """Mean value of the reward function."""
    truncation_rate: float
    """Share of responses that hit the token limit."""
    mean_response_tokens: float
    """Mean length in tokens, the end token included."""
    samples: PositiveInt
    """Responses graded."""
    generation: dict[str, Any]
    """generation-<label>.json: engine arguments, versions, dtype, seconds."""


class Difference(Frozen):
    """Two models on the same problems."""

    before: str
    """Label of the first model."""
    after: str
    """Label of the second model."""
    paired: Interval
    """Mean of after - before over problems."""
    verdict: str
    """The result in words."""


class Check(Frozen):
    """One invariant of the instrument that was looked at."""

    name: str
    """What must hold."""
    passed: bool
    """False only for findings that do not spoil the score."""
    detail: str
    """What was seen."""


class Scores(Frozen):
    """All that one evaluation found."""

    benchmark: str
    """Name of the test set."""
    protocol: dict[str, Any]
    """How it was sampled and graded, in full."""
    protocol_hash: str
    """sha256 of the canonical JSON of the protocol."""
    seed: int
    """Seed of the draws; not part of the protocol."""
    problems: PositiveInt
    """Problems in the test set as used."""
    samples_per_problem: PositiveInt
    """k."""
    models: list[ModelScore]
    """One per model."""
    difference: Difference | None
    """trained against base, when both were evaluated."""
    checks: list[Check]
    """Instrument invariants."""

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        if self.difference is not None:
            return self.difference.verdict
        found = "; ".join(f"{model.label} {model.accuracy.value:.1%}" for model in self.models)
        return f"{found}; nothing to compare with"
