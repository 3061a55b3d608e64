"""Scores, claims and independent scores on one axis: what the chart of intervals shows, and what it
says in words."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from evals import MEAN_TOKENS
from evals.intervals import Interval
from evals.job import Frozen
from evals.scores import ModelScore, Scores
from harness.report.render import percent
from harness.report.run.verdict import (
    ClaimRow,
    in_words,
    over_problems,
    score_in_words,
)


class ScoreBar(Frozen):
    """One score with its intervals; all are shares (0..1)."""

    row: str
    base: bool
    """Whether the model is the one before training."""
    value: float
    low: float | None
    high: float | None
    """For other draws on the same problems; null where that is not known."""
    wide_low: float
    wide_high: float
    """For other problems of this kind; as low and high where that is not known."""
    said: str


class ScoreMark(Frozen):
    """A number that somebody else states."""

    row: str
    kind: Literal["claim", "independent"]
    value: float
    said: str


class ScoreScale(Frozen):
    """All scores of a run on one axis."""

    bars: list[ScoreBar]
    marks: list[ScoreMark]
    domain: tuple[float, float]
    alt: str
    """The finding in words."""


def score_scale(scores: Sequence[Scores], claims: Sequence[ClaimRow]) -> ScoreScale | None:
    """A bar for each model and metric that was measured; None where nothing valid was."""
    bars: list[ScoreBar] = []
    marks: list[ScoreMark] = []
    scores = [score for score in scores if not score.invalid]
    many = len(scores) > 1
    times = Counter((score.benchmark, model.label) for score in scores for model in score.models)
    for score in scores:
        for model in score.models:
            again = times[score.benchmark, model.label] > 1
            label = f"{model.label} ({score.key[:6]})" if again else model.label
            row = f"{score.benchmark} · {label}" if many else label
            bars.append(_bar(row, model))
            for claim in _held_against(claims, score, model):
                if _averages(claim.metric):
                    marks += _marks(row, claim)
                elif claim.ours:
                    own = f"{score.benchmark} {claim.metric} · {label}"
                    bars.append(_claim_bar(own, claim.ours))
                    marks += _marks(own, claim)
    if not bars:
        return None
    return ScoreScale(
        bars=list({bar.row: bar for bar in bars}.values()),
        marks=list({(m.row, m.kind, m.value): m for m in marks}.values()),
        domain=_domain(
            [low for b in bars for low in (b.wide_low, b.low) if low is not None],
            [high for b in bars for high in (b.wide_high, b.high) if high is not None],
            [m.value for m in marks],
        ),
        alt=_alt(scores, marks),
    )


def _bar(row: str, model: ModelScore) -> ScoreBar:
    wide, narrow = model.accuracy, model.sampling
    return ScoreBar(
        row=row,
        base=model.label == "base",
        value=wide.value,
        low=narrow.low,
        high=narrow.high,
        wide_low=wide.low,
        wide_high=wide.high,
        said=in_words(wide),
    )


def _claim_bar(row: str, ours: Interval) -> ScoreBar:
    """The bar of a score by a claim's own metric, which has but one interval."""
    narrow = not over_problems(ours)
    return ScoreBar(
        row=row,
        base=False,
        value=ours.value,
        low=ours.low if narrow else None,
        high=ours.high if narrow else None,
        wide_low=ours.low,
        wide_high=ours.high,
        said=in_words(ours),
    )


def _averages(metric: str) -> bool:
    return not metric.lower().startswith(("pass@", "maj@", "cons@"))


def _held_against(claims: Sequence[ClaimRow], score: Scores, model: ModelScore) -> list[ClaimRow]:
    """The claims about scores that this one of a model is held against; a number at a token limit
    has a curve, and one of length is no score."""
    return [
        claim
        for claim in claims
        if (claim.key, claim.label) == (score.key, model.label)
        and claim.metric != MEAN_TOKENS
        and not (claim.at and claim.at.x == "limit")
    ]


def _marks(row: str, claim: ClaimRow) -> list[ScoreMark]:
    said = f"claim {percent(claim.claimed)} ({claim.metric})"
    marks = [ScoreMark(row=row, kind="claim", value=claim.claimed, said=said)]
    if claim.independent is not None:
        sd = f" ± {percent(claim.independent_sd)}" if claim.independent_sd else ""
        said = f"independent {percent(claim.independent)}{sd}"
        marks.append(ScoreMark(row=row, kind="independent", value=claim.independent, said=said))
    return marks


def _domain(
    lows: Sequence[float], highs: Sequence[float], marked: Sequence[float]
) -> tuple[float, float]:
    """From a round number below everything to one above, within 0 and 1."""
    low, high = min(*lows, *marked, 1.0), max(*highs, *marked, 0.0)
    step = 0.1 if high - low > 0.2 else 0.05
    bottom, top = (low - 0.01) // step * step, -((-high - 0.01) // step) * step
    return max(0.0, round(bottom, 4)), min(1.0, round(max(top, bottom + step), 4))


def _alt(scores: Sequence[Scores], marks: Sequence[ScoreMark]) -> str:
    """The finding: every model's score, and what it stands beside."""
    said = [score_in_words(score) for score in scores]
    return " ".join([*said, *(f"{mark.row}: {mark.said}." for mark in marks)])
