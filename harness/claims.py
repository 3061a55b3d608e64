"""Scores held against what is published: a card's claims, an independent score, overlap with the
training set; evaluations inside a run and by themselves call it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evals import HELD_OUT
from evals.independent import independent_score, plain_name
from evals.scores import ModelScore, Scores
from evals.statement import ClaimVerdict, Independent, Overlap, Statement
from harness.cards import Claim, load_card
from harness.judged import held_against, judged_claim

ROLES = ("base", "trained")
"""Labels of the models of a training."""


def statements(
    scores: Sequence[Scores],
    folder: Path,
    *,
    repro: str | None,
    variant: str | None = None,
    given: Sequence[Claim] = (),
    miniature: bool = False,
    overlaps: Mapping[str, Overlap] | None = None,
) -> list[Statement]:
    """What is to be said about every model on every benchmark.

    Args:
        scores: as evals/run.py found them.
        folder: holds one folder a benchmark, with verdicts-<label>.jsonl.
        repro: the project whose claims are looked up.
        variant: which of its published runs.
        given: claims of the user's own.
        miniature: a laptop-size run, which no claim is about.
        overlaps: benchmark -> overlap with the training set.
    """
    card = load_card(repro).of([variant] if variant else []) if repro else None
    claims = card.claims if card else []
    released = card.released_model if card else None
    return [
        _statement(
            found,
            folder,
            model.label,
            sorted(
                (
                    claim
                    for claim in [*_about(model, claims), *_own(model, given)]
                    if held_against(claim, found, model.label, scores)
                ),
                key=_is_derived,
            ),
            released if model.label == "trained" else None,
            miniature,
            (overlaps or {}).get(found.test_set) if _is_first(found, scores) else None,
        )
        for found in scores
        for model in found.models
    ]


def _is_derived(claim: Claim) -> bool:
    """Whether a claim is about something else than the score itself; such ones come last."""
    return claim.kind == "length" or (claim.at is not None and claim.at.x == "limit")


def _is_first(found: Scores, scores: Sequence[Scores]) -> bool:
    """Whether no other score before this one is of the same test set."""
    return next(other for other in scores if other.test_set == found.test_set) is found


def _about(model: ModelScore, claims: Sequence[Claim]) -> list[Claim]:
    """The claims that are about a model: by its part in a training, else by the name of its
    weights, which may be a base's; weights that no claim names are taken for trained ones."""
    if model.label in ROLES:
        return [claim for claim in claims if claim.about == model.label]
    named = plain_name(model.path)
    own = [claim for claim in claims if claim.model and plain_name(claim.model) == named]
    return own or [claim for claim in claims if claim.about == "trained"]


def _own(model: ModelScore, given: Sequence[Claim]) -> list[Claim]:
    return [*given] if model.label != "base" else []


def _statement(
    scores: Scores,
    folder: Path,
    label: str,
    claims: Sequence[Claim],
    released: str | None,
    miniature: bool,
    overlap: Overlap | None,
) -> Statement:
    judged: list[ClaimVerdict] = []
    note = None
    if scores.benchmark == HELD_OUT:
        pass  # no published number is about one's own rows
    elif scores.invalid and claims:
        note = "the claims are not judged: the score is invalid"
    elif miniature and claims:
        note = "the claims are not judged: this run is a miniature"
    else:
        judged = [judged_claim(claim, scores, folder, label) for claim in claims]
    return Statement(
        benchmark=scores.benchmark,
        label=label,
        claims=judged,
        claims_note=note,
        independent=independent(scores, label, released),
        overlap=overlap,
    )


def independent(scores: Scores, label: str, released: str | None) -> Independent | None:
    """Somebody else's score of this model; for a model trained here, of the released one."""
    (model,) = [model for model in scores.models if model.label == label]
    name = released if label == "trained" else model.path
    found = independent_score(name, scores.benchmark) if name else None
    if found is None:
        return None
    return Independent(
        model=found.model,
        percent=round(100 * found.mean, 2),
        sd=round(100 * found.sd, 2),
        source=f"{found.source}; {found.protocol}; seeds: {found.seeds}",
    )
