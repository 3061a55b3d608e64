"""Results of many runs in one table and two files, results.json and results.csv; the action
collect calls it."""

import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evals.scores import ModelScore, Scores
from harness.console import Console, short
from harness.errors import SubmitError
from harness.evaluation import STATEMENT_FILE
from harness.files import write_json, write_text
from harness.report.read import mapping, read_json
from harness.results import bounds, interval
from harness.submit.decide import RunState
from harness.submit.states import run_folders, survey
from harness.submit.table import aligned, counts, short_names

COLUMNS = (
    "run", "state", "reason", "benchmark", "protocol", "model", "problems", "samples_per_problem",
    "accuracy", "low", "high", "valid", "change", "change_low", "change_high", "claim_percent",
    "claim_verdict", "folder",
)  # fmt: skip
"""Of results.csv; accuracy, change and their 95 % intervals are shares."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One benchmark of one run under one protocol."""

    protocol: str
    """Name of the protocol's folder below evaluation/."""
    scores: Scores
    statements: list[dict[str, Any]]
    """What statement.json says about its models, one a model."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run has to show."""

    run: RunState
    measured: list[Measured] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    """A row for each model on each benchmark, with the names of COLUMNS."""
    problems: list[str] = field(default_factory=list)
    """Files that could not be read."""


def collect(where: Path, console: Console) -> int:
    """Prints and writes the results of all runs; 0 only if all are done and read.

    A run that failed is there with its reason, and a damaged file is the problem of its run alone.
    Both files go to the submission's folder, the run's, or the output root.

    Args:
        where: see states.run_folders.
        console: where to.

    Raises:
        SchedulerError: SLURM would have to be asked, and does not answer.
        SubmitError: the files cannot be written.
    """
    found = survey(run_folders(where))
    results = [result_of(run) for run in found.runs]
    _show(results, console)
    folder = where.expanduser().resolve()
    try:
        write_json(folder / "results.json", _as_json(results))
        write_text(folder / "results.csv", _as_csv(results))
    except OSError as error:
        raise SubmitError(f"cannot write results to {folder}: {error.strerror}") from error
    console.say(f"{counts(found.runs)}; written: {short(folder / 'results.json')} and results.csv")
    return 0 if all(result.run.state == "done" and not result.problems for result in results) else 1


def result_of(run: RunState) -> Result:
    """The scores of one run with the verdicts on claims, as its folder has them."""
    measured: list[Measured] = []
    problems: list[str] = []
    for path in sorted(run.folder.glob("evaluation/*/*/scores.json")):
        try:
            read = Scores.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            first = str(error).splitlines()[0]
            problems.append(f"{path.relative_to(run.folder)} cannot be read ({first})")
            continue
        said = _statements(path.parents[1], read.benchmark, problems)
        measured.append(Measured(path.parents[1].name, read, said))
    rows = [
        {"protocol": found.protocol, **_row(found, model)}
        for found in measured
        for model in found.scores.models
    ]
    return Result(run, measured, rows, problems)


def _statements(folder: Path, benchmark: str, problems: list[str]) -> list[dict[str, Any]]:
    if not (folder / STATEMENT_FILE).exists():
        return []
    found = _objects(read_json(folder / STATEMENT_FILE, problems).get("statements"))
    return [said for said in found if said.get("benchmark") == benchmark]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [mapping(item) for item in value] if isinstance(value, list) else []


def _row(found: Measured, model: ModelScore) -> dict[str, Any]:
    scores = found.scores
    row = {
        "benchmark": scores.benchmark,
        "model": model.label,
        "problems": scores.problems,
        "samples_per_problem": scores.samples_per_problem,
        "accuracy": model.accuracy.value,
        "low": model.accuracy.low,
        "high": model.accuracy.high,
        "valid": not scores.invalid,
        "shown": interval(model.accuracy),
        **_claimed(found.statements, model.label),
    }
    change = scores.difference
    if change is not None and change.after == model.label:
        paired = change.paired
        row |= {"change": paired.value, "change_low": paired.low, "change_high": paired.high}
        row |= {"change_shown": f"{100 * paired.value:+.1f} {bounds(paired)}"}
        row |= {"verdict": scores.verdict}
    return row


def _claimed(statements: Sequence[dict[str, Any]], label: str) -> dict[str, Any]:
    """The first published number for a model, and the verdict on it."""
    mine = [claim for said in statements if said.get("label") == label
            for claim in _objects(said.get("claims"))]  # fmt: skip
    if not mine:
        return {}
    return {"claim_percent": mine[0].get("percent"), "claim_verdict": mine[0].get("word")}


def _show(results: Sequence[Result], console: Console) -> None:
    names = short_names([result.run.name for result in results])
    rows = [
        [name, score["benchmark"], score["model"], _accuracy(score), score.get("change_shown", ""),
         _claim(score)]
        for name, result in zip(names, results, strict=True)
        for score in result.scores
    ]  # fmt: skip
    columns = ["run", "benchmark", "model", "avg@k [95 %]", "points gained [95 %]", "claim"]
    if rows:
        console.say("\nscores, in percent\n")
        for line in aligned(columns, rows):  # never cut: a name that is cut names several runs
            console.say(line)
        console.say("")
    for name, result in zip(names, results, strict=True):
        if result.run.state != "done":
            reason = f": {result.run.reason}" if result.run.reason else ""
            console.say(f"{name} is {result.run.state}{reason}")
        for problem in result.problems:
            console.say(f"{name}: {problem}")


def _accuracy(score: dict[str, Any]) -> str:
    return str(score["shown"]) if score["valid"] else "INVALID"


def _claim(score: dict[str, Any]) -> str:
    if score.get("claim_verdict") is None:
        return ""
    return f"{score['claim_percent']}: {score['claim_verdict']}"


def _as_json(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "collected_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "runs": [
            {
                "run": result.run.name,
                "folder": str(result.run.folder),
                "state": result.run.state,
                "reason": result.run.reason,
                "attempt": result.run.attempt,
                "step": result.run.step,
                "job": result.run.job,
                "scores": [
                    {k: v for k, v in score.items() if not k.endswith("shown")}
                    for score in result.scores
                ],
                "problems": result.problems,
            }
            for result in results
        ],
    }


def _as_csv(results: Sequence[Result]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerows(_lines(result))
    return text.getvalue()


def _lines(result: Result) -> Iterator[dict[str, Any]]:
    run = result.run
    common = {
        "run": run.name, "state": run.state, "reason": run.reason, "folder": str(run.folder),
    }  # fmt: skip
    for score in result.scores or [{}]:
        yield common | score
