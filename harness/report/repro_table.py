"""The table of reproductions in docs/reproductions.md: `python -m harness.report.repro_table`.

Each column is computed: what composes, which verl keys are valid, fidelity, golden cases; the last
two come from run directories, found by the identity of the recipe as it is now.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from evals.scores import Scores
from harness.cards import load_card, shipped_cases
from harness.conformance import Conformance, conform
from harness.errors import RepriseError
from harness.explain import options
from harness.fidelity.full_size import composed, recipe
from harness.fidelity.run import fidelity
from harness.rundir import run_name
from harness.spec import RunSpec

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reproductions.md"
RECORDED = ROOT.parent / "shared" / "golden"
"""Verdicts of upstream's scorers, where they lie beside the project."""
COUNTED = ("same", "renamed", "changed", "not expressible")
NOT_RUN = "not run"
HEAD = """<!-- Made by `make table`; do not edit by hand. -->
# Reproductions

One row a recipe (`python run.py +repro=<recipe>`).

- *Composes*: at full size and in miniature.
- *Emits*: verl keys of all its trainings, all known to the pinned verl and read by it.
- *Fidelity*: upstream's keys and behaviours that are the same / renamed / changed with a reason /
  not expressible; `action=fidelity` lists them with the reasons.
- *Golden*: recorded verdicts that ship here, and all that were recorded of upstream's scorer, on
  which our reward agrees.
- *Runs on CPU*, *evaluated*: the miniature on `hardware=cpu`, end to end on real verl, as its run
  directory says. A directory made before the recipe changed does not count.
"""
COLUMNS = ("Recipe", "Composes", "Emits", "Fidelity", "Golden", "Runs on CPU", "Evaluated")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One recipe; every field is the text of its column."""

    recipe: str
    composes: str
    emits: str
    fidelity: str
    golden: str
    runs: str = NOT_RUN
    evaluated: str = NOT_RUN


def computed(name: str) -> TableRow:
    """The columns that need no run."""
    try:
        full, small = recipe(name), miniature(name)
        found = fidelity(full)
    except RepriseError as error:
        reason = str(error).splitlines()[0]
        return TableRow(recipe=name, composes=f"no: {reason}", emits="-", fidelity="-", golden="-")
    id = str(full.repro)
    counts = found.counts()
    unexplained = f", {len(found.problems())} not explained" if found.problems() else ""
    return TableRow(
        recipe=name,
        composes="yes" if small.miniature else "yes, without a miniature",
        emits=f"{sum(leg.emitted for leg in found.legs)} keys",
        fidelity=" / ".join(str(counts.get(status, 0)) for status in COUNTED) + unexplained,
        golden="; ".join(filter(None, [shipped(id), recorded(id)])),
    )


@cache
def miniature(name: str) -> RunSpec:
    """The recipe on hardware=cpu."""
    return composed([f"repro={name}", "hardware=cpu"])


def shipped(id: str) -> str:
    """Agreement with the golden cases that ship with a reproduction."""
    return _agreement(id, shipped_cases(id))


def recorded(id: str) -> str:
    """Agreement with upstream's recorded verdicts; empty where they are not beside the project."""
    path = RECORDED / f"{id}.jsonl"
    return f"upstream's {_agreement(id, path)}" if path.is_file() else ""


def _agreement(id: str, path: Path) -> str:
    try:
        result = conformance(id, path)
    except RepriseError as error:
        return f"none: {str(error).splitlines()[0]}"
    left_out = sum(result.uncovered.values())
    return f"{result.agree}/{result.cases}" + (f" ({left_out} not covered)" if left_out else "")


@cache
def conformance(id: str, path: Path) -> Conformance:
    """Our scorers against one file of cases; scored once in a process."""
    return conform(path, load_card(id))


def with_evidence(row: TableRow, folders: Sequence[Path]) -> TableRow:
    """The row with what the newest run directory of this very recipe says."""
    if row.composes.startswith("no"):
        return row
    name = run_name(miniature(row.recipe))
    runs = [folder / name for folder in folders if (folder / name / "status.json").is_file()]
    if not runs:
        return row
    newest = max(runs, key=lambda run: (run / "status.json").stat().st_mtime)
    return replace(row, runs=ran(newest), evaluated=evaluated(newest))


def ran(run: Path) -> str:
    """Did the run reach its end?"""
    try:
        state = json.loads((run / "status.json").read_text())["state"]
    except (OSError, ValueError, KeyError, TypeError):
        return "status unreadable"
    return "yes" if state == "done" else str(state)


def evaluated(run: Path) -> str:
    """Are there scores, and does the instrument vouch for all of them?"""
    found = []
    for path in sorted((run / "evaluation").rglob("scores.json")):
        try:
            found.append(Scores.model_validate_json(path.read_text()))
        except (OSError, ValidationError):
            return f"{path.relative_to(run)} unreadable"
    if not found:
        return NOT_RUN
    wrong = [scores.benchmark for scores in found if scores.invalid]
    return f"invalid: {', '.join(wrong)}" if wrong else "yes"


def rendered(rows: Sequence[TableRow]) -> str:
    """The document."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(astuple(row) for row in rows)]
    cells = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]
    return "\n".join([HEAD, *cells]) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Writes the document; what it shows is no failure of the command."""
    parser = argparse.ArgumentParser(prog="python -m harness.report.repro_table")
    parser.add_argument(
        "--runs",
        action="append",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="folder with run directories, besides outputs/ (may be given again)",
    )
    parser.add_argument("--output", type=Path, default=TABLE, metavar="FILE")
    given = parser.parse_args(arguments)
    folders = [ROOT / "outputs", *given.runs]
    rows = [with_evidence(computed(name), folders) for name in options("repro")]
    given.output.write_text(rendered(rows), encoding="utf-8")
    print(f"{given.output}: {len(rows)} recipes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
