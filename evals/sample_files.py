"""Samples on disk: shards, their records, locks, and what a kill left; read by the generation
processes that write them and by everyone who grades.

A task's folder holds, for each model, samples-<label>-<shard>.jsonl (one GeneratedSample a line,
appended as they finish) and generation-<label>-<shard>.jsonl (one Generation a line, one for each
attempt that drew samples of that shard).
"""

import fcntl
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

from pydantic import ValidationError

from evals.job import Frozen, GeneratedSample, Generation, Job, JobModel, Prompt, Task
from harness.errors import EvaluationError

Key = tuple[str, int]
Line = TypeVar("Line", bound=Frozen)


def sample_path(folder: str | Path, label: str, shard: int) -> Path:
    """The sample file of one copy of the model."""
    return Path(folder) / f"samples-{label}-{shard}.jsonl"


def record_path(samples: Path) -> Path:
    """The record beside a sample file."""
    return samples.with_name(samples.name.replace("samples-", "generation-", 1))


def shard_paths(folder: str | Path, label: str) -> list[Path]:
    """The sample files of a model, in the order of their shards."""
    form = re.compile(rf"samples-{re.escape(label)}-(\d+)\.jsonl")
    found = {
        int(match[1]): path
        for path in Path(folder).glob("samples-*.jsonl")
        if (match := form.fullmatch(path.name))
    }
    return [found[shard] for shard in sorted(found)]


def whole_lines(path: Path) -> list[bytes]:
    """The complete lines of a file; text after the last newline is a killed writer's."""
    return path.read_bytes().split(b"\n")[:-1]


def drop_half_line(path: Path) -> None:
    """Cuts what a killed writer left after the last newline."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def read_lines(path: Path, kind: type[Line]) -> list[Line]:
    """The complete lines of a file as models; a line that is none is named in an error."""
    found = []
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            found.append(kind.model_validate_json(line))
        except ValidationError as error:
            raise EvaluationError(
                f"{path}, line {number}, is not a {kind.__name__}: {error}; move the file "
                "elsewhere and run the same command again"
            ) from error
    return found


def read_samples(folder: str | Path, label: str) -> list[GeneratedSample]:
    """The samples of a model over all shards, ordered by problem and number.

    An earlier evaluation may have drawn more for each problem than a task asks for.
    """
    found = [
        sample
        for path in shard_paths(folder, label)
        for sample in read_lines(path, GeneratedSample)
    ]
    return sorted(found, key=lambda sample: (sample.id, sample.sample))


def read_generations(folder: str | Path, label: str) -> list[Generation]:
    """The records of a model: every attempt of every shard."""
    records = [record_path(path) for path in shard_paths(folder, label)]
    return [line for path in records if path.exists() for line in read_lines(path, Generation)]


def read_prompts(task: Task) -> list[Prompt]:
    """The prompts of a task, checked against the job's hash."""
    path = Path(task.prompts)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"cannot read the prompts of {task.name}: {error}") from error
    if hashlib.sha256(content).hexdigest() != task.prompts_sha256:
        raise EvaluationError(
            f"{path} is not the file that the job was made with (its sha256 differs); run the same "
            "command again, it writes the file anew"
        )
    prompts = read_lines(path, Prompt)
    twice = [name for name, count in Counter(prompt.id for prompt in prompts).items() if count > 1]
    if twice or not prompts:
        raise EvaluationError(
            f"{path} has {len(prompts)} prompts, and the ids {twice[:5]} are there more than once; "
            "a task needs at least one prompt and a different id for each"
        )
    return prompts


def wanted(task: Task) -> set[Key]:
    """Every sample that the task asks for."""
    ids = [prompt.id for prompt in read_prompts(task)]
    return {(problem, number) for problem in ids for number in range(task.samples_per_problem)}


def missing(task: Task, label: str) -> set[Key]:
    """The samples that the task asks for and no shard holds."""
    have = {(sample.id, sample.sample) for sample in read_samples(task.folder, label)}
    return wanted(task) - have


@contextmanager
def only_writer(path: Path) -> Iterator[TextIO]:
    """Holds a lock file, or refuses.

    The kernel keeps the lock as long as any process has the yielded file open, so children that
    inherit it go on protecting the samples after their parent was killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EvaluationError(
                f"another process is writing the samples of {path}; wait until it ends or give "
                "another folder"
            ) from error
        yield lock


def foreign(job: Job, task: Task, model: JobModel) -> str | None:
    """The identity of samples on disk that are not of this job; None when there are none."""
    for path in shard_paths(task.folder, model.label):
        record = record_path(path)
        known = (
            {line.identity for line in read_lines(record, Generation)} if record.exists() else set()
        )
        if path.stat().st_size and known != {job.identity(task, model)}:
            return next(iter(sorted(known - {job.identity(task, model)})), "unknown")
    return None


def set_aside_others(job: Job, task: Task, model: JobModel) -> None:
    """Moves samples of another model or protocol into a folder of their own, with their records."""
    identity = foreign(job, task, model)
    if identity is None:
        return
    folders = (Path(task.folder) / f"stale-{identity[:8]}-{n}" for n in itertools.count(1))
    stale = next(folder for folder in folders if not folder.exists())
    stale.mkdir()
    for path in shard_paths(task.folder, model.label):
        for file in (path, record_path(path)):
            if file.exists():
                file.rename(stale / file.name)
