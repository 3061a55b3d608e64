"""What is said about a score: published claims, an independent measurement, overlap with the
training set; made by harness/claims.py, printed by the console and the report."""

from evals.claimed import Place
from evals.intervals import Interval
from evals.job import Frozen
from evals.verdicts import Verdict, Word


class ClaimVerdict(Frozen):
    """One published number against ours."""

    percent: float
    """The claim: a score, or of the metric mean_tokens a relative change."""
    metric: str
    """Of the claim."""
    at: Place | None = None
    """Where on a curve the claim stands."""
    ours: Interval | None = None
    """The claim's number as measured here, where it is at a token limit or a length's change; other
    numbers are in scores.json."""
    source: str
    """Where it is published."""
    word: Word
    """reproduced, below, above, not distinguishable, protocol differs, not run."""
    reasons: list[str]
    """The reasoning."""
    differing: list[str]
    """Protocol fields that differ."""
    unknown: list[str]
    """Protocol fields that one side does not state."""
    k_needed: int | None
    """Samples per problem that would decide."""
    difference: Interval | None
    """Ours - claim as a share, with the noise of both."""
    margin: float | None
    """Share within which a difference does not matter."""

    @property
    def named(self) -> str:
        """The metric, with the place on the curve."""
        return f"{self.metric} {self.at.in_words}" if self.at else self.metric

    def verdict(self) -> Verdict:
        """As evals/verdicts.py gave it."""
        return Verdict(
            word=self.word,
            sentences=tuple(self.reasons),
            difference=self.difference,
            margin=self.margin,
            differing=tuple(self.differing),
            unknown=tuple(self.unknown),
            k_needed=self.k_needed,
        )


class Independent(Frozen):
    """The same model as somebody else measured it."""

    model: str
    """Its name there."""
    percent: float
    """Mean over seeds."""
    sd: float
    """Standard deviation over seeds, in points."""
    source: str
    """Where, and under which protocol."""


class Overlap(Frozen):
    """Problems of a benchmark that the training set has seen."""

    exact: int
    """Problems whose whole text occurs in the training set."""
    share_8: float
    """Share of problems with at least one 8-gram in common."""
    share_13: float
    """Share of problems with at least one 13-gram in common."""
    examples: list[str]
    """The worst cases, in words."""


class Statement(Frozen):
    """Everything that is said about one model on one benchmark besides its score."""

    benchmark: str
    """Name of the test set."""
    label: str
    """The model."""
    claims: list[ClaimVerdict]
    """Published numbers for this benchmark."""
    claims_note: str | None = None
    """Why there is no verdict."""
    independent: Independent | None
    """Somebody else's measurement."""
    overlap: Overlap | None
    """Contamination; null where no training set is known."""

    def sentences(self) -> list[str]:
        """The statement in words."""
        said = [
            f"{self.label}: claim {claim.percent:g} ({claim.named}, {claim.source}): "
            f"{claim.word.upper()}. {' '.join(claim.reasons)}"
            for claim in self.claims
        ]
        if self.claims_note:
            said.append(f"{self.label}: {self.claims_note}")
        if found := self.independent:
            said.append(
                f"{self.label}: independent score of {found.model}: {found.percent:g} ± "
                f"{found.sd:g} ({found.source})"
            )
        if overlap := self.overlap:
            said.append(
                f"contamination of {self.benchmark}: {overlap.exact} problems occur whole in the "
                f"training set, {overlap.share_13:.1%} share 13 words in a row with it, "
                f"{overlap.share_8:.1%} share 8"
            )
            said += [f"  {example}" for example in overlap.examples]
        return said
