"""Samples on disk: shards, half lines, damage, and what is moved out of the way."""

from pathlib import Path

import pytest

from evals.job import GeneratedSample, Generation, Job, JobModel
from evals.sample_files import (
    missing,
    only_writer,
    read_generations,
    read_prompts,
    read_samples,
    record_path,
    sample_path,
    set_aside_others,
    shard_paths,
)
from harness.errors import EvaluationError
from harness.spec import Sampling
from tests.evals.generating import make_job


def a_sample(problem: str = "0", number: int = 0) -> GeneratedSample:
    return GeneratedSample(
        id=problem, sample=number, seed=1, prompt="p", response="r", response_tokens=1,
        truncated=False, finish="stop",
    )  # fmt: skip


def write(job: Job, shard: int, *samples: GeneratedSample, label: str = "base") -> Path:
    """A sample file with its record."""
    (task,), (model,) = job.tasks, job.models
    path = sample_path(task.folder, label, shard)
    path.write_text("".join(sample.model_dump_json() + "\n" for sample in samples))
    record = Generation(
        sampling=job.sampling, engine_arguments={}, loaded={}, template="raw", task=task.name,
        identity=job.identity(task, model), model=model, engine="hf", versions={}, shard=shard,
        shards=1, samples=len(samples), seconds=1.0,
    )  # fmt: skip
    record_path(path).write_text(record.model_dump_json() + "\n")
    return path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(tmp_path)


def test_all_shards_of_one_label_are_read(job: Job) -> None:
    folder = job.tasks[0].folder
    write(job, 10, a_sample("1"))
    write(job, 2, a_sample("0", 1), a_sample("0", 0))
    write(job, 0, a_sample("9"), label="base-2")
    assert [path.name for path in shard_paths(folder, "base")] == [
        "samples-base-2.jsonl",
        "samples-base-10.jsonl",
    ]
    found = [(sample.id, sample.sample) for sample in read_samples(folder, "base")]
    assert found == [("0", 0), ("0", 1), ("1", 0)]
    assert len(read_generations(folder, "base")) == 2
    assert len(missing(job.tasks[0], "base")) == 13


def test_half_line_is_left_out_and_a_broken_one_is_named(job: Job) -> None:
    path = write(job, 0, a_sample())
    with path.open("a") as file:
        file.write('{"id":"1","sam')
    assert len(read_samples(job.tasks[0].folder, "base")) == 1
    with path.open("a") as file:
        file.write("\n")
    with pytest.raises(EvaluationError, match=r"samples-base-0\.jsonl, line 2, is not a Generated"):
        read_samples(job.tasks[0].folder, "base")


def test_samples_of_others_are_moved_with_their_records_and_never_lost(job: Job) -> None:
    task, model = job.tasks[0], job.models[0]
    cold = job.model_copy(update={"sampling": Sampling(temperature=0.2)})
    for number in range(2):
        write(job, 0, a_sample(number=number))
        write(job, 1, a_sample("1"))
        set_aside_others(cold, task, model)
        assert read_samples(task.folder, "base") == []
    stale = sorted(Path(task.folder).glob("stale-*"))
    assert [len(list(folder.iterdir())) for folder in stale] == [4, 4]
    assert [read_samples(folder, "base")[0].sample for folder in stale] == [0, 1]


def test_samples_without_a_record_are_moved(job: Job) -> None:
    path = write(job, 0, a_sample())
    record_path(path).unlink()
    set_aside_others(job, job.tasks[0], job.models[0])
    assert (path.parent / "stale-unknown-1" / path.name).exists()


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"max_tokens": 25}, {"stop": ["\n"]}, {"dtype": "bfloat16"}, {"engine": "vllm"},
     {"models": [JobModel(label="base", path="nowhere", fingerprint="two")]}],
)  # fmt: skip
def test_what_decides_the_draws_is_part_of_the_identity(
    job: Job, change: dict[str, object]
) -> None:
    other = job.model_copy(update=change)
    write(job, 0, a_sample())
    set_aside_others(other, other.tasks[0], other.models[0])
    assert read_samples(job.tasks[0].folder, "base") == []


@pytest.mark.parametrize(
    "change",
    [{"batch_size": 3}, {"data_parallel": 2}, {"threads": 2}, {"concurrency": 1},
     {"sampling": Sampling(temperature=1.0, top_k=0)},
     {"models": [JobModel(label="base", path="moved", fingerprint="one")]}],
)  # fmt: skip
def test_how_the_work_is_split_is_not(job: Job, change: dict[str, object]) -> None:
    other = job.model_copy(update=change)
    write(job, 0, a_sample())
    set_aside_others(other, other.tasks[0], other.models[0])
    assert len(read_samples(job.tasks[0].folder, "base")) == 1


def test_own_samples_stay(job: Job) -> None:
    write(job, 0, a_sample())
    sample_path(job.tasks[0].folder, "base", 1).touch()
    set_aside_others(job, job.tasks[0], job.models[0])
    assert len(read_samples(job.tasks[0].folder, "base")) == 1


def test_lock_is_given_once(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    with only_writer(lock), pytest.raises(EvaluationError, match="another"), only_writer(lock):
        pass
    with only_writer(lock):
        pass


def test_damaged_prompts_are_refused(job: Job) -> None:
    (task,) = job.tasks
    path = Path(task.prompts)
    whole = path.read_text()
    path.write_text(whole[:-20])
    with pytest.raises(EvaluationError, match="its sha256 differs"):
        read_prompts(task)
    path.unlink()
    with pytest.raises(EvaluationError, match="cannot read the prompts of toy"):
        read_prompts(task)


def test_prompts_need_ids_of_their_own(job: Job) -> None:
    import hashlib

    (task,) = job.tasks
    path = Path(task.prompts)
    path.write_text(path.read_text() + path.read_text())
    task = task.model_copy(update={"prompts_sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    with pytest.raises(EvaluationError, match=r"ids \['0', '1', '2', '3'\] are there more than"):
        read_prompts(task)


def test_a_sample_with_half_a_surrogate_can_be_written() -> None:
    sample = GeneratedSample(
        id="0", sample=0, seed=None, prompt="p", response="so \ud800 2",
        response_tokens=3, truncated=False, finish="stop",
    )  # fmt: skip
    assert GeneratedSample.model_validate_json(sample.model_dump_json()).response == "so ? 2"
