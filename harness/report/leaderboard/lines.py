"""Every published claim of every reproduction beside our runs and independent scores, and the rest
of the catalogue; what was not run is said. Pure."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evals.independent import independent_score
from evals.verdicts import Word
from harness.cards import Card, Claim, Entry
from harness.report.run.page import PAGE
from harness.report.run.verdict import ORDER, ClaimRow, claim_rows, match
from harness.report.sweep.runs import ManyRun

MADE_HERE = ("trained", "base")
"""Labels in a training: what it made, and for a claim about the base what it started from."""
RELEASED = ("released", "model")
"""Labels of upstream's weights: in a control, and in an evaluation by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A claim's number as a run here measured it; shares."""

    run: str
    page: str
    """Link to the run's page, as seen from the leaderboard."""
    value: float | None
    """By the claim's metric; null where the samples do not give it."""
    low: float | None
    """95 % interval for other draws on the same problems; of pass@k and maj@k, for other
    problems."""
    high: float | None
    word: Word
    protocol: str
    reasons: list[str]
    runs: int
    """Finished runs that were held against this claim; this is the best match, not the best
    score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """An independent score of the released model; shares."""

    model: str
    mean: float
    sd: float
    """Over seeds, of one run."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One claim."""

    repro: str
    name: str
    benchmark: str
    metric: str
    model: str
    """Which of upstream's models, where it names one."""
    claimed: float
    protocol: str
    """The claim's, in words."""
    source: str
    note: str
    ours: Found | None
    """By a model that was trained here, at full size."""
    released: Found | None
    """By the weights that upstream released, measured here."""
    independent: Elsewhere | None
    status: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One entry of the catalogue."""

    id: str
    name: str
    kind: str
    status: str
    link: str
    note: str
    claims: int | None
    """Published numbers on its card; null without a card."""
    claims_note: str
    full_size: str
    """Finished runs of its recipe here."""
    miniature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """Everything that the page says; leaderboard.json."""

    where: str
    runs: int
    """Runs that were looked at."""
    words: dict[str, int]
    """Verdict -> claims."""
    statuses: dict[str, int]
    """Of the catalogue."""
    lines: list[Line]
    systems: list[System]


def leaderboard(
    runs: Sequence[ManyRun], where: Path, cards: Sequence[Card], entries: Sequence[Entry]
) -> Leaderboard:
    """The page's content.

    Args:
        runs: those below an output root; what is not finished, or a miniature, is no evidence.
        where: folder that the page is written to.
        cards: of the reproductions.
        entries: of the catalogue.
    """
    found = {card.id: [run for run in runs if run.repro == card.id] for card in cards}
    lines = [
        _line(card, variant, claim, found[card.id], where)
        for card in cards
        for variant, claims in published(card).items()
        for claim in claims
    ]
    words = Counter(line.status for line in lines)
    return Leaderboard(
        where=str(where),
        runs=len(runs),
        words={word: words[word] for word in ORDER if words[word]},
        statuses=dict(Counter(entry.status for entry in entries)),
        lines=lines,
        systems=[_system(entry, cards, found.get(entry.id, [])) for entry in entries],
    )


def published(card: Card) -> dict[str, list[Claim]]:
    """Variant -> its claims; "" stands for the card's own, which variants without any share."""
    own = {name: variant.claims for name, variant in card.variants.items()}
    return {"": card.claims} | {name: claims for name, claims in own.items() if claims}


def _line(card: Card, variant: str, claim: Claim, runs: Sequence[ManyRun], where: Path) -> Line:
    of_variant = card.of([variant])
    evidence = [run for run in runs if run.finished and not run.miniature]
    evidence = [run for run in evidence if claim in card.of([run.variant]).claims]
    mine = [(run, row) for run in evidence if run.trains for row in _rows(run, claim, MADE_HERE)]
    theirs = [
        (run, row)
        for run in evidence
        if _is_about_released(claim, of_variant)
        and (run.trains or run.model_path == of_variant.released_model)
        for row in _rows(run, claim, RELEASED)
    ]
    ours = _best(mine, where)
    return Line(
        repro=card.id,
        name=f"{card.name}, {variant}" if variant else card.name,
        benchmark=claim.benchmark,
        metric=claim.named,
        model=claim.model or "",
        claimed=claim.value / 100,
        protocol=in_words(claim),
        source=claim.source,
        note=claim.note or "",
        ours=ours,
        released=_best(theirs, where),
        independent=_elsewhere(of_variant, claim),
        status=ours.word if ours else "not run",
    )


def _rows(run: ManyRun, claim: Claim, labels: Sequence[str]) -> list[ClaimRow]:
    """What the run's statements say about this claim, of models with these labels."""
    scores = [measured.scores for measured in run.result.measured]
    said = [
        {**statement, "score": measured.scores.key}
        for measured in run.result.measured
        for statement in measured.statements
    ]
    wanted = (claim.benchmark, claim.metric, claim.at, claim.value / 100)
    return [
        row
        for row in claim_rows([], scores, said, why_not="", all_of_card=False)
        if row.number == wanted and row.label in labels
    ]


def _best(found: Sequence[tuple[ManyRun, ClaimRow]], where: Path) -> Found | None:
    """The run that matches the claim best, of equals the newest; the score has no say in it."""
    if not found:
        return None
    run, row = min(found, key=lambda one: _rank(*one))
    page = run.folder / PAGE
    return Found(
        run=run.name,
        page=quote(os.path.relpath(page, where)) if page.exists() else "",
        value=row.ours.value if row.ours else None,
        low=row.ours.low if row.ours else None,
        high=row.ours.high if row.ours else None,
        word=row.word,
        protocol=row.protocol,
        reasons=row.reasons,
        runs=len({id(run) for run, _ in found}),
    )


def _rank(run: ManyRun, row: ClaimRow) -> tuple[bool, bool, float, float]:
    newest = (run.folder / "status.json").stat().st_mtime
    return (*match(row), -newest)


def _is_about_released(claim: Claim, card: Card) -> bool:
    """Whether a claim's number is of the released weights; some projects release their base."""
    return claim.about == "trained" or claim.model == card.released_model


def _elsewhere(card: Card, claim: Claim) -> Elsewhere | None:
    """The third party's score of the model that the claim is about."""
    released = card.released_model if _is_about_released(claim, card) else None
    named = claim.model if claim.model and "/" in claim.model else released
    plain = claim.kind == "score" and claim.at is None
    score = independent_score(named, claim.benchmark) if named and plain else None
    if score is None:
        return None
    source = f"{score.source}; {score.protocol}; seeds: {score.seeds}"
    return Elsewhere(model=score.model, mean=score.mean, sd=score.sd, source=source)


def in_words(claim: Claim) -> str:
    """The claim's protocol; what it does not state is said."""
    parts = {
        "problems": claim.problems,
        "k": claim.samples_per_problem,
        "T": claim.temperature,
        "top_p": claim.top_p,
        "tokens": claim.max_tokens,
        "template": claim.template,
        "grader": claim.grader,
    }
    drawn = ("k", "T", "top_p") if claim.metric == "greedy" else ()
    said = [f"{n} {v:g}" if isinstance(v, int | float) else f"{n} {v}"
            for n, v in parts.items() if v is not None]  # fmt: skip
    missing = [n for n, v in parts.items() if v is None and n not in drawn]
    return ", ".join([*said, *([f"not stated: {', '.join(missing)}"] if missing else [])])


def _system(entry: Entry, cards: Sequence[Card], runs: Sequence[ManyRun]) -> System:
    card = next((card for card in cards if card.id == entry.id), None)
    trained = [run for run in runs if run.trains]
    return System(
        id=entry.id,
        name=entry.name,
        kind=entry.kind,
        status=entry.status,
        link=entry.link or "",
        note=entry.note,
        claims=len(card.claims) if card else None,
        claims_note=(card.claims_note or "") if card else "",
        full_size=_ran([run for run in trained if not run.miniature]) if card else "no recipe",
        miniature=_ran([run for run in trained if run.miniature]) if card else "no recipe",
    )


def _ran(runs: Sequence[ManyRun]) -> str:
    if not runs:
        return "not run"
    done = sum(run.finished for run in runs)
    open_ones = f", {len(runs) - done} not finished" if len(runs) > done else ""
    return f"{done} run{'' if done == 1 else 's'} done{open_ones}"
