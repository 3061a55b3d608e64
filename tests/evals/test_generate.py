"""The generation process with a scripted engine: what is drawn, resumed, added and refused."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evals import generate
from evals.job import Job, JobModel
from evals.sample_files import read_generations, read_samples
from harness.errors import EvaluationError
from harness.spec import Sampling
from tests.evals.generating import (
    PROMPTS,
    ROOT,
    ScriptedEngine,
    file_of,
    make_job,
    make_task,
    record_of,
    samples_of,
    with_task,
)

Install = Callable[..., list[ScriptedEngine]]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Replaces the back ends; returns the engines that were opened."""

    def scripted(**settings: int | None) -> list[ScriptedEngine]:
        opened: list[ScriptedEngine] = []

        def open_engine(job: Job, model: JobModel) -> ScriptedEngine:
            opened.append(ScriptedEngine(job, **settings))
            return opened[-1]

        monkeypatch.setattr(generate, "open_engine", open_engine)
        return opened

    return scripted


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(tmp_path)


def keys(job: Job, shard: int = 0) -> list[tuple[str, int]]:
    return [(sample.id, sample.sample) for sample in samples_of(job, shard=shard)]


def test_every_sample_has_its_own_seed_and_first_samples_come_first(
    job: Job, install: Install
) -> None:
    install()
    generate.generate(job)
    found = samples_of(job)
    assert [sample.sample for sample in found] == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    assert [sample.id for sample in found[:4]] == ["1", "3", "0", "2"]
    assert len({sample.seed for sample in found}) == 16
    assert {sample.prompt for sample in found} == set(PROMPTS)


def test_killed_attempt_is_continued_with_the_missing_samples_only(
    job: Job, install: Install, tmp_path: Path
) -> None:
    install()
    uninterrupted = make_job(tmp_path / "whole")
    generate.generate(uninterrupted)
    install(lives=7)
    with pytest.raises(KeyboardInterrupt):
        generate.generate(job)
    with file_of(job).open("a") as file:
        file.write('{"id":"2","samp')
    opened = install()
    generate.generate(job)
    assert len(opened[0].drawn) == 9
    assert file_of(job).read_text() == file_of(uninterrupted).read_text()
    attempts = read_generations(job.tasks[0].folder, "base")
    assert [attempt.samples for attempt in attempts] == [7, 9]


def test_complete_samples_need_no_engine(job: Job, install: Install) -> None:
    install()
    generate.generate(job)
    opened = install()
    generate.generate(job)
    assert opened == []


def test_greater_k_only_adds(job: Job, install: Install) -> None:
    install()
    generate.generate(job)
    before = file_of(job).read_text()
    opened = install()
    generate.generate(with_task(job, samples_per_problem=6))
    assert len(opened[0].drawn) == 8
    assert file_of(job).read_text().startswith(before)


def test_another_benchmark_only_adds(job: Job, install: Install, tmp_path: Path) -> None:
    install()
    generate.generate(job)
    before = file_of(job).read_text()
    opened = install()
    both = job.model_copy(update={"tasks": [*job.tasks, make_task(tmp_path, "other", k=1)]})
    generate.generate(both)
    assert {task for task, _, _ in opened[0].drawn} == {"other"}
    assert file_of(job).read_text() == before
    first, other = samples_of(both), samples_of(both, task=1)
    assert not {s.seed for s in first} & {s.seed for s in other}


def test_shards_share_the_work_and_are_read_together(job: Job, install: Install) -> None:
    install()
    three = job.model_copy(update={"data_parallel": 3})
    for shard in range(3):
        generate.generate(three, shard)
    parts = [keys(job, shard) for shard in range(3)]
    assert [len(part) for part in parts] == [6, 5, 5]
    assert len({key for part in parts for key in part}) == 16
    assert len(read_samples(job.tasks[0].folder, "base")) == 16
    opened = install()
    generate.generate(job)
    assert opened == []


def test_other_number_of_shards_continues(job: Job, install: Install) -> None:
    install(lives=5)
    with pytest.raises(KeyboardInterrupt):
        generate.generate(job)
    install()
    two = job.model_copy(update={"data_parallel": 2})
    generate.generate(two, 0)
    generate.generate(two, 1)
    found = read_samples(job.tasks[0].folder, "base")
    assert len(found) == len({(sample.id, sample.sample) for sample in found}) == 16


def test_samples_follow_the_model_and_not_its_label(job: Job, install: Install) -> None:
    install()
    models = [
        job.models[0],
        JobModel(label="copy", path="elsewhere", fingerprint="one"),
        JobModel(label="trained", path="nowhere", fingerprint="two"),
    ]
    generate.generate(job.model_copy(update={"models": models}))
    base, copy, trained = (
        [sample.response for sample in samples_of(job, label)]
        for label in ("base", "copy", "trained")
    )
    assert base == copy
    assert not set(base) & set(trained)


def test_samples_of_another_protocol_are_not_continued(job: Job, install: Install) -> None:
    install()
    generate.generate(job)
    other = job.model_copy(update={"sampling": Sampling(temperature=0.5)})
    with pytest.raises(EvaluationError, match="of another model or protocol"):
        generate.generate(other)


def test_prompt_that_does_not_fit_is_refused_with_the_arithmetic(
    job: Job, install: Install
) -> None:
    opened = install(max_length=40)
    with pytest.raises(EvaluationError, match=r"problem 1\) has 35 tokens.*24.*holds 40") as caught:
        generate.generate(job)
    assert "eval.max_tokens to at most 5" in str(caught.value)
    assert opened[0].drawn == []


def test_unknown_length_is_left_to_the_server(job: Job, install: Install) -> None:
    install(max_length=None)
    generate.generate(job)
    assert len(samples_of(job)) == 16


@pytest.fixture
def held(job: Job) -> Iterator[None]:
    with file_of(job).with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.usefixtures("held")
def test_second_writer_of_a_shard_is_refused(job: Job, install: Install) -> None:
    install()
    with pytest.raises(EvaluationError, match="another process is writing"):
        generate.generate(job)
    generate.generate(job.model_copy(update={"data_parallel": 2}), 1)


def test_progress_counts_to_the_total(
    job: Job, install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "TELL_EVERY_S", -1)
    install()
    generate.generate(job)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["done"] for line in told] == list(range(17))
    assert {line["total"] for line in told} == {16}


def test_progress_of_many_samples_is_told_now_and_then(
    job: Job, install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "TELL_EVERY_S", 3600)
    install()
    generate.generate(job)
    told = [json.loads(line)["done"] for line in capsys.readouterr().out.splitlines()]
    assert told == [0, 16]


def test_record_is_on_disk_before_the_first_sample(job: Job, install: Install) -> None:
    install(lives=1)
    with pytest.raises(KeyboardInterrupt):
        generate.generate(job)
    record = record_of(job)
    assert record.identity == job.identity(job.tasks[0], job.models[0])
    assert (record.samples, record.shard, record.shards) == (1, 0, 1)


def test_main_tells_an_error_in_its_own_words(
    job: Job, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    install(max_length=40)
    path = tmp_path / "job.json"
    path.write_text(job.model_dump_json())
    monkeypatch.setattr("sys.argv", ["generate", "--job", str(path)])
    with pytest.raises(SystemExit) as caught:
        generate.main()
    assert caught.value.code == 1
    assert "holds 40 together" in json.loads(capsys.readouterr().out.splitlines()[-1])["error"]


def test_process_ends_when_the_one_that_waits_for_it_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    child = (
        "import os, time; from pathlib import Path; from evals.generate import end_with_parent; "
        f"end_with_parent(); Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    code = (
        "import subprocess, sys; "
        f"subprocess.run([sys.executable, '-c', {child!r}], start_new_session=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not pid.exists() or not pid.read_text():
        assert parent.poll() is None
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid.read_text()}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.02)
    os.kill(int(pid.read_text()), 9)
    pytest.fail("the process outlived its parent")


def test_a_task_may_have_a_longest_response_of_its_own(job: Job, install: Install) -> None:
    short = with_task(job, max_tokens=5)
    assert short.identity(short.tasks[0], short.models[0]) != job.identity(
        job.tasks[0], job.models[0]
    )
    opened = install(max_length=40)
    generate.generate(short)
    assert len(samples_of(short)) == 16
    requests = generate.task_requests(short, short.tasks[0], short.models[0], opened[0])
    assert {request.max_tokens for request in requests} == {5}
