"""Everything that the page of a run says, as data: report.json; the page, the Markdown summary and
scripts read it, so that no number is computed twice."""

from collections.abc import Sequence
from typing import Any

from evals.job import Frozen
from evals.scores import Scores
from harness.report.read import RunFiles, TrainingFiles, mapping
from harness.report.render import is_number
from harness.report.run.configuration import Fact, Setting, facts, flat, settings, versions
from harness.report.run.curves import LengthCurve, length_curves
from harness.report.run.fidelity_rows import FidelitySummary, fidelity_summary
from harness.report.run.learning import Learning, learning
from harness.report.run.lengths import LengthRow, length_rows
from harness.report.run.scale import ScoreScale, score_scale
from harness.report.run.spending import Spending, events_in_time, spending
from harness.report.run.verdict import (
    ClaimRow,
    ScoreSaid,
    Verdict,
    claim_rows,
    headline,
    sentences_of,
)

WITHOUT = {"scores": {"__all__": {"models": {"__all__": {"right", "drawn"}}}}}
"""Left out of report.json: scores.json has them, problem by problem."""
NO_CLAIM = "This run reproduces no published project: there is no claim to compare with."


class Head(Frozen):
    """What the run is and how it stands."""

    name: str
    identity: str | None
    trains: bool
    """False for an evaluation by itself."""
    project: str | None
    """The reproduced project."""
    miniature: bool
    state: str
    """queued, running, waiting, interrupted, done, failed or unknown."""
    attempt: int | None
    reason: str | None
    """Why it failed or waits."""
    recipe: str
    """Model, algorithm, data, hardware and seed in one line."""


class TrainingSummary(Frozen):
    """What one training ran on."""

    name: str
    """The stage; empty for a run that trains once."""
    command: str
    """verl's command line; empty where it was not written."""
    manifest: list[tuple[str, str]]
    """Of its data; empty where there is none."""


class Provenance(Frozen):
    """What the numbers depend on besides the configuration."""

    facts: list[Fact]
    """Command, code, machine, versions and hashes, as far as they were written."""
    packages: list[tuple[str, str]]
    """Package and version."""


class Summary(Frozen):
    """The report of one run."""

    head: Head
    verdict: Verdict
    claims: list[ClaimRow]
    """Published numbers against ours."""
    claims_note: str
    """What to know about the claims, or why there are none."""
    scores: list[Scores]
    """As scores.json has them."""
    said: list[ScoreSaid]
    """What is said about scores besides their numbers."""
    scale: ScoreScale | None
    """Scores, claims and independent scores on one axis."""
    curves: list[LengthCurve]
    """Scores by budget, by token limit and by mean length."""
    learning: Learning | None
    """Null for an evaluation by itself."""
    lengths: list[LengthRow]
    fidelity: FidelitySummary
    spending: Spending
    trainings: list[TrainingSummary]
    settings: list[Setting]
    """The configuration with the origin of each value."""
    provenance: Provenance
    notes: list[str]
    """What is missing, unreadable or left out."""


def summarise(files: RunFiles) -> Summary:
    """The report of a run from the files of its directory."""
    notes = list(files.notes)
    head = head_of(files)
    claims = claims_of(files, head)
    departures = files.departures or (
        [one.model_dump(exclude={"source"}) for one in files.card.differences] if files.card else []
    )
    found = learning(files.trainings, files.spec) if files.trains else None
    return Summary(
        head=head,
        verdict=headline(
            claims,
            files.scores,
            miniature=head.miniature,
            claimed=bool(files.card and files.card.claims),
        ),
        claims=claims,
        claims_note=claims_note(files, claims),
        scores=files.scores,
        said=sentences_of(files.statements),
        scale=score_scale(files.scores, claims),
        curves=length_curves(files.scores, claims),
        learning=found,
        lengths=length_rows(files.samples),
        fidelity=fidelity_summary(files.spec if files.trains else {}, departures, notes),
        spending=spending(
            files.plan,
            events_in_time(files.events, files.trainings),
            mapping(files.spec.get("hardware")),
        ),
        trainings=[training_of(one) for one in files.trainings],
        settings=settings(files.spec, files.card),
        provenance=Provenance(
            facts=facts(
                files.provenance,
                files.scores,
                {one.name: one.manifest for one in files.trainings},
            ),
            packages=versions(mapping(files.provenance.get("packages"))),
        ),
        notes=notes,
    )


def head_of(files: RunFiles) -> Head:
    """What the run is and how it stands."""
    run, status, spec = files.run, files.status, files.spec
    attempt, reason = status.get("attempt"), status.get("reason")
    return Head(
        name=str(run.get("name") or files.folder.name),
        identity=str(run["identity"])[:16] if run.get("identity") else None,
        trains=files.trains,
        project=files.card.name if files.card else _text(spec.get("repro")),
        miniature=spec.get("miniature") is True,
        state=str(status.get("state") or "unknown"),
        attempt=attempt if isinstance(attempt, int) else None,
        reason=_text(reason),
        recipe=" · ".join(recipe_line(files)),
    )


def recipe_line(files: RunFiles) -> list[str]:
    """Model, algorithm, data, hardware and seed as far as they are known; for an evaluation by
    itself what was measured."""
    spec = files.spec
    if not files.trains:
        measured = {model.path: None for score in files.scores for model in score.models}
        return [f"Measured: {path}" for path in measured]
    named = [_text(mapping(spec.get(part)).get("name")) for part in ("model", "algorithm", "data")]
    hardware = _text(mapping(spec.get("hardware")).get("name"))
    seed = spec.get("seed")
    return [
        *(name for name in named if name),
        *([f"on {hardware}"] if hardware else []),
        *([f"seed {seed}"] if is_number(seed) else []),
    ]


def claims_of(files: RunFiles, head: Head) -> list[ClaimRow]:
    """The claims of the card that hold for this run, with what became of each."""
    if head.miniature:
        why = "a miniature says nothing about it"
    elif files.scores:
        why = "this run did not measure it"
    else:
        why = "evaluation not run"
    return claim_rows(
        files.card.claims if files.card else [],
        files.scores,
        files.statements,
        why_not=why,
        all_of_card=files.trains,
    )


def claims_note(files: RunFiles, rows: Sequence[ClaimRow]) -> str:
    """What the card says about its claims, or why there are none."""
    if files.card is None:
        return "" if rows else NO_CLAIM
    note = files.card.claims_note or ""
    return note if files.card.claims else f"Upstream publishes no number. {note}".strip()


def training_of(files: TrainingFiles) -> TrainingSummary:
    """What one training ran on."""
    manifest = flat(files.manifest) if files.manifest else []
    return TrainingSummary(name=files.name, command=files.command, manifest=manifest)


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as JSON values."""
    return summary.model_dump(mode="json", exclude=WITHOUT)


def said_of(summary: Summary, score: Scores) -> Sequence[str]:
    """What is said about one score besides its numbers."""
    lines = [line for said in summary.said if said.key == score.key for line in said.sentences]
    return list(dict.fromkeys(lines))  # what is about the benchmark is said of each model


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
