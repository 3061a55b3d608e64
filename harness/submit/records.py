"""What a submission leaves on disk: submission.json beside its scripts, submit.json in each run;
submission.py writes, job.py and states.py read."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.errors import SubmitError
from harness.files import write_json
from harness.submit.shapes import Shape

SUBMISSION = "submission.json"
SUBMIT = "submit.json"
SUBMISSIONS_FOLDER = "submissions"
CODE_FOLDER = "code"

Json = dict[str, Any]


def array(name: str, shape: Shape, runs: Sequence[Path], depends_on: str | None) -> Json:
    """The record of one array, before SLURM has answered."""
    return {
        "name": name,
        "part": shape.part,
        "shape": asdict(shape),
        "runs": [str(run) for run in runs],
        "depends_on": depends_on,
        "job_id": None,
        "error": None,
    }


def write_submit(run: Path, submission: Path, jobs: Sequence[Mapping[str, Any]]) -> None:
    """Says in a run which jobs are its own."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    content = {"submission": str(submission), "submitted_at": now, "jobs": [dict(j) for j in jobs]}
    write_json(run / SUBMIT, content)


def read_record(path: Path) -> Json:
    """A record.

    Raises:
        SubmitError: it is not there or damaged.
    """
    try:
        content: Json = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SubmitError(f"{path} cannot be read: {error}") from error
    return content
