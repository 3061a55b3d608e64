"""Scores held against what is published: a card's claims, an independent score, overlap with the
training set; evaluations inside a run and by themselves call it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import ValidationError

from evals import HELD_OUT, verdicts
from evals.assess import by_problem, numbers
from evals.claimed import Protocol
from evals.claims import OurScore
from evals.grading import canonical
from evals.independent import independent_score, plain_name
from evals.judges import Graded
from evals.sample_files import read_lines
from evals.scores import ModelScore, Scores
from evals.statement import ClaimVerdict, Independent, Overlap, Statement
from harness.cards import Claim, load_card
from harness.errors import ConfigError

CLAIM_FIELDS = [name for name, field in Claim.model_fields.items() if field.is_required()]
ROLES = ("base", "trained")
"""Labels of the models of a training."""


def statements(
    scores: Sequence[Scores],
    folder: Path,
    *,
    repro: str | None,
    variant: str | None = None,
    given: Claim | None = None,
    miniature: bool = False,
    overlaps: Mapping[str, Overlap] | None = None,
) -> list[Statement]:
    """What is to be said about every model on every benchmark.

    Args:
        scores: as evals/run.py found them.
        folder: holds one folder a benchmark, with verdicts-<label>.jsonl.
        repro: the project whose claims are looked up.
        variant: which of its published runs.
        given: a claim of the user's own.
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
            [
                claim
                for claim in [*_about(model, claims), *_own(model, given)]
                if claim.benchmark == found.benchmark
            ],
            released if model.label == "trained" else None,
            miniature,
            (overlaps or {}).get(found.benchmark),
        )
        for found in scores
        for model in found.models
    ]


def _about(model: ModelScore, claims: Sequence[Claim]) -> list[Claim]:
    """The claims that are about a model: by its part in a training, else by the name of its
    weights, which may be a base's; weights that no claim names are taken for trained ones."""
    if model.label in ROLES:
        return [claim for claim in claims if claim.about == model.label]
    named = plain_name(model.path)
    own = [claim for claim in claims if claim.model and plain_name(claim.model) == named]
    return own or [claim for claim in claims if claim.about == "trained"]


def _own(model: ModelScore, given: Claim | None) -> list[Claim]:
    return [given] if given and model.label != "base" else []


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
        ours = our_score(scores, folder, label)
        judged = [judged_claim(claim, ours) for claim in claims]
    return Statement(
        benchmark=scores.benchmark,
        label=label,
        claims=judged,
        claims_note=note,
        independent=independent(scores, label, released),
        overlap=overlap,
    )


def given_claim(value: Any, benchmarks: Sequence[str]) -> Claim | None:
    """A claim from the command line; what it leaves out is not stated.

    Raises:
        ConfigError: it is malformed, or names none of the benchmarks.
    """
    if value is None:
        return None
    if isinstance(value, DictConfig):
        value = OmegaConf.to_container(value, resolve=True)
    stated: dict[str, Any] = dict.fromkeys(CLAIM_FIELDS) | {"source": "the command line"}
    if isinstance(value, Mapping):
        stated |= {str(key): field for key, field in value.items()}
    stated["benchmark"] = stated["benchmark"] or benchmarks[0]
    try:
        claim = Claim.model_validate(stated)
    except ValidationError as error:
        raise ConfigError(
            f"claim={value} is no claim: {_what_is_wrong(error, stated)}. "
            f"Write claim={{value: 43.1, metric: avg@16}}; fields: {', '.join(Claim.model_fields)}"
        ) from error
    if 0 < claim.value < 1:
        raise ConfigError(
            f"claim.value={claim.value:g} is in percent, as published numbers are: set "
            f"{100 * claim.value:g} if that is what you mean"
        )
    if claim.benchmark not in benchmarks:
        raise ConfigError(
            f"claim.benchmark={claim.benchmark} is not measured by this protocol, which has "
            f"{', '.join(benchmarks)}: choose one of them, or another eval="
        )
    return claim


def _what_is_wrong(error: ValidationError, stated: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    if name not in Claim.model_fields:
        return f"it has no field {name}"
    if stated.get(name) is None:
        return f"{name} is missing"
    if name == "metric":
        return (
            f"metric={stated[name]} is none of avg@k, mean@k, pass@k, maj@k, cons@k, accuracy and "
            "greedy"
        )
    return f"{name}={stated[name]}: {first['msg']}"


def our_score(scores: Scores, folder: Path, label: str) -> OurScore:
    """One model's verdicts in the terms of evals/verdicts.py."""
    graded = read_lines(folder / scores.benchmark / f"verdicts-{label}.jsonl", Graded)
    protocol = scores.protocol
    return OurScore(
        protocol=Protocol(
            benchmark=scores.benchmark,
            problems=scores.problems,
            temperature=protocol["sampling"]["temperature"],
            top_p=protocol["sampling"]["top_p"],
            max_tokens=protocol["max_tokens"],
            template=protocol["prompt"]["name"],
            grader=protocol["grader"]["name"],
        ),
        samples=numbers(graded, scores.problem_ids, "correct"),
        answers=[
            [None if answer is None else canonical(answer) for answer in answers]
            for answers in by_problem(graded, scores.problem_ids, "extracted")
        ],
    )


def judged_claim(claim: Claim, ours: OurScore | None) -> ClaimVerdict:
    """The verdict on one claim of a card."""
    verdict = verdicts.judge(claim.score, ours)
    return ClaimVerdict(
        percent=claim.value,
        metric=claim.metric,
        source=claim.source,
        word=verdict.word,
        reasons=list(verdict.sentences),
        differing=list(verdict.differing),
        unknown=list(verdict.unknown),
        k_needed=verdict.k_needed,
        difference=verdict.difference,
        margin=verdict.margin,
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
