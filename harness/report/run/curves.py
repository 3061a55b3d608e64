"""Length-accuracy curves of a run: scores by the budget that was asked for, by token limit and by
mean length, with the claimed points beside them; the page draws them, Markdown tabulates them."""

from collections.abc import Iterable, Sequence

from evals.claimed import Axis
from evals.intervals import Interval
from evals.job import Frozen, canonical_hash
from evals.scores import ModelScore, Scores
from harness.report.render import number, percent
from harness.report.run.verdict import ClaimRow, curves_in_words

TITLES: dict[Axis, str] = {
    "prompt_budget": "by the budget that prompts ask for",
    "limit": "by token limit",
    "mean_tokens": "by mean response length",
}
NOTES: dict[Axis, str] = {
    "prompt_budget": "Each problem was asked once for each budget.",
    "limit": "Cut at the limit, not asked again: a longer response counts as wrong.",
    "mean_tokens": "Each point is one score at the mean length of its responses.",
}


OWN = ("problems_sha256", "prompt", "max_tokens")
"""What scores at different budgets differ in by themselves, in their protocols."""


class CurvePoint(Frozen):
    """One model at one place; scores are shares."""

    label: str
    tokens: float
    """The budget, the limit or the mean length."""
    accuracy: Interval
    """avg@k; for other problems of this kind."""
    sampling: Interval
    """avg@k; for other draws on the same problems."""
    mean_tokens: Interval | None
    """How long the responses are; null where the back end does not tell, and at a limit."""
    off: Interval | None
    """Mean of |tokens - budget| / budget."""
    above: float | None
    """Share of responses above the budget or limit."""


class ClaimedPoint(Frozen):
    """One published point."""

    label: str
    """The model that was held against it; empty where none was."""
    tokens: int
    value: float
    said: str


class LengthCurve(Frozen):
    """One benchmark over one axis, all models."""

    id: str
    title: str
    x: Axis
    k: int
    points: list[CurvePoint]
    """In the order of models, then of tokens."""
    claimed: list[ClaimedPoint]
    finding: str
    """In words."""
    note: str
    """How it was measured."""


def length_curves(scores: Sequence[Scores], claims: Sequence[ClaimRow]) -> list[LengthCurve]:
    """Every curve that the scores make; invalid ones make none."""
    valid = [score for score in scores if not score.invalid]
    found: list[LengthCurve] = []
    for group in _alike(score for score in valid if score.budget):
        found += _curve("prompt_budget", group, claims, [_asked(s, m) for s, m in _models(group)])
    for score in valid:
        points = [_at(model, place) for model in score.models for place in range(len(model.limits))]
        found += _curve("limit", [score], claims, points)
    at_means = {row.benchmark for row in claims if row.at and row.at.x == "mean_tokens"}
    for name in sorted(at_means):
        group = [score for score in valid if score.test_set == name]
        measured = [(s, m) for s, m in _models(group) if m.tokens]
        found += _curve("mean_tokens", group, claims, [_meant(s, m) for s, m in measured])
    return found


def _alike(scores: Iterable[Scores]) -> list[list[Scores]]:
    """Scores that differ in nothing but the budget, together."""
    groups: dict[str, list[Scores]] = {}
    for score in scores:
        budget = score.protocol.get("budget") or {}
        shared = {n: v for n, v in score.protocol.items() if n not in OWN}
        texts = [budget.get("suffix"), budget.get("system")]
        key = canonical_hash([shared | {"budget": texts, "benchmark": score.test_set}, score.seed])
        groups.setdefault(key, []).append(score)
    return list(groups.values())


def _models(scores: Sequence[Scores]) -> list[tuple[Scores, ModelScore]]:
    return [(score, model) for score in scores for model in score.models]


def _asked(score: Scores, model: ModelScore) -> CurvePoint:
    assert score.budget is not None
    return CurvePoint(
        label=model.label,
        tokens=score.budget.tokens,
        accuracy=model.accuracy,
        sampling=model.sampling,
        mean_tokens=model.tokens.all if model.tokens else None,
        off=model.budget.error if model.budget else None,
        above=model.budget.above.value if model.budget else None,
    )


def _at(model: ModelScore, place: int) -> CurvePoint:
    at = model.limits[place]
    return CurvePoint(
        label=model.label,
        tokens=at.tokens,
        accuracy=at.accuracy,
        sampling=at.sampling,
        mean_tokens=None,
        off=None,
        above=at.longer,
    )


def _meant(score: Scores, model: ModelScore) -> CurvePoint:
    assert model.tokens is not None
    return CurvePoint(
        label=model.label,
        tokens=model.tokens.all.value,
        accuracy=model.accuracy,
        sampling=model.sampling,
        mean_tokens=model.tokens.all,
        off=None,
        above=None,
    )


def _curve(
    x: Axis, scores: Sequence[Scores], claims: Sequence[ClaimRow], points: Sequence[CurvePoint]
) -> list[LengthCurve]:
    """The curve through these points; none without any."""
    if not points:
        return []
    name, keys = scores[0].test_set, {"", *(score.key for score in scores)}
    rows = [
        row
        for row in claims
        if row.at and row.at.x == x and row.benchmark == name and row.key in keys
    ]
    labels = list(dict.fromkeys(point.label for point in points))
    ordered = sorted(points, key=lambda point: (labels.index(point.label), point.tokens))
    return [
        LengthCurve(
            id=f"curve-{x}-{scores[0].key[:8]}".replace("_", "-"),
            title=f"{scores[0].benchmark if x == 'limit' else name} {TITLES[x]}",
            x=x,
            k=scores[0].samples_per_problem,
            points=ordered,
            claimed=_claimed(rows),
            finding=" ".join([*(_in_words(ordered, label) for label in labels),
                              *curves_in_words(rows)]),
            note=NOTES[x],
        )
    ]  # fmt: skip


def _claimed(rows: Sequence[ClaimRow]) -> list[ClaimedPoint]:
    return [
        ClaimedPoint(
            label=row.label,
            tokens=row.at.tokens,
            value=row.claimed,
            said=f"claimed {percent(row.claimed)} ({row.metric}): {row.word}",
        )
        for row in rows
        if row.at
    ]


def _in_words(points: Sequence[CurvePoint], label: str) -> str:
    """From where to where one model's score goes."""
    mine = [point for point in points if point.label == label]
    first, last = mine[0], mine[-1]
    said = f"{label}: {percent(first.accuracy.value)} at {number(first.tokens)} tokens"
    if last is first:
        return f"{said}."
    return f"{said}, {percent(last.accuracy.value)} at {number(last.tokens)}."
