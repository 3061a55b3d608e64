"""A run's scores, claims and samples as plain tables, for trackers; the report stage hands them to
harness/tracking.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.scores import ModelScore, Scores
from harness.report.read import RunFiles, read_run
from harness.report.run.summary import Summary, summarise
from harness.report.run.verdict import ClaimRow
from harness.report.samples.choice import by_problem, compared, in_page_order, ordered, priority
from harness.report.samples.records import printable, record

MOST_SAMPLES = 500
SCORES = (
    "benchmark", "model", "problems", "samples_per_problem", "accuracy", "low", "high",
    "sampling_low", "sampling_high", "truncated", "no_answer", "change", "change_low",
    "change_high", "valid", "protocol_hash",
)  # fmt: skip
CLAIMS = (
    "benchmark", "metric", "model", "claimed", "ours", "low", "high", "independent",
    "independent_sd", "verdict", "protocol", "reasons", "sources",
)  # fmt: skip
SAMPLES = (
    "benchmark", "label", "id", "sample", "prompt", "response", "extracted", "gold", "correct",
    "value", "doubt", "truncated", "tokens",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under named columns; scores are shares."""

    name: str
    columns: tuple[str, ...]
    rows: list[list[Any]]
    note: str = ""
    """What is left out."""


def tables(run_dir: Path) -> list[Table]:
    """The tables of a run that have rows, from the files of its directory."""
    files = read_run(run_dir)
    summary = summarise(files)
    found = [_scores(files.scores), _claims(summary), _samples(files)]
    return [table for table in found if table.rows]


def _scores(scores: Sequence[Scores]) -> Table:
    rows = [_score(one, model) for one in scores for model in one.models]
    return Table(name="scores", columns=SCORES, rows=rows)


def _score(scores: Scores, model: ModelScore) -> list[Any]:
    found = scores.difference
    change = found.paired if found and found.after == model.label else None
    return [
        scores.benchmark, model.label, scores.problems, scores.samples_per_problem,
        model.accuracy.value, model.accuracy.low, model.accuracy.high,
        model.sampling.low, model.sampling.high, model.truncation_rate, model.no_answer_rate,
        change.value if change else None, change.low if change else None,
        change.high if change else None, not scores.invalid, scores.protocol_hash,
    ]  # fmt: skip


def _claims(summary: Summary) -> Table:
    return Table(name="claims", columns=CLAIMS, rows=[_claim(row) for row in summary.claims])


def _claim(row: ClaimRow) -> list[Any]:
    ours = row.ours
    return [
        row.benchmark, row.named, row.label, row.claimed, ours.value if ours else None,
        ours.low if ours else None, ours.high if ours else None, row.independent,
        row.independent_sd, row.word, row.protocol, " ".join(row.reasons), "; ".join(row.sources),
    ]  # fmt: skip


def _samples(files: RunFiles) -> Table:
    """Those that the page would choose first: doubtful and changed ones, then a fair choice."""
    records = [record(sample) for sample in files.samples]
    labels = ordered(one["label"] for one in records)
    problems = by_problem(records, compared(labels))
    ranked = sorted(range(len(records)), key=lambda i: priority(records[i], problems, i))
    chosen = in_page_order(records, labels, ranked[:MOST_SAMPLES])
    note = ""
    if len(records) > len(chosen):
        note = (
            f"{len(chosen)} of {len(records)} samples, doubtful and changed ones first: no fair "
            "sample to compute a score from"
        )
    rows = [[printable(one[name]) for name in SAMPLES] for one in chosen]
    return Table(name="samples", columns=SAMPLES, rows=rows, note=note)
