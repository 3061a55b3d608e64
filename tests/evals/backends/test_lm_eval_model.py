"""Generation through lm-eval's model classes by name, against a loopback server and a local one."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals import generate
from evals.job import Job
from harness.errors import EvaluationError
from harness.spec import Sampling
from tests.evals.backends.server import Server, failing, seeded, serving
from tests.evals.generating import TINY, make_job, record_of, samples_of, with_task

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def job(server: Server, tmp_path: Path) -> Job:
    return make_job(
        tmp_path, "tiny", engine="lm_eval", lm_eval_model="local-completions", concurrency=4,
        lm_eval_arguments={
            "base_url": f"{server.url}/completions", "tokenizer_backend": "none", "max_retries": 1,
        },
    )  # fmt: skip


def test_api_class_draws_different_samples_of_a_problem(job: Job, server: Server) -> None:
    """Left to itself lm-eval sends seed 1234 each time, and all samples are one."""
    server.answer = lambda body: time.sleep(0.05) or seeded(body)
    generate.generate(job)
    samples = samples_of(job)
    for problem in range(4):
        assert len({s.response for s in samples if s.id == str(problem)}) == 4
    assert {body["seed"] for body in server.asked} == {sample.seed for sample in samples}
    assert 1 < server.most_running <= 4
    sample = samples[0]
    assert (sample.response_tokens, sample.truncated, sample.finish) == (None, None, None)
    body = next(body for body in server.asked if body["seed"] == sample.seed)
    assert body["prompt"] == sample.prompt
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (1.0, 1.0, 24)
    record = record_of(job)
    assert record.loaded["class"] == "local-completions"
    assert record.sampling == Sampling(temperature=1.0)


def test_chat_class_gets_the_messages(job: Job, server: Server) -> None:
    job = with_task(job, render="chat", samples_per_problem=2).model_copy(
        update={
            "lm_eval_model": "local-chat-completions",
            "lm_eval_arguments": {"base_url": f"{server.url}/chat/completions"},
        }
    )
    generate.generate(job)
    messages = [body["messages"] for body in server.asked]
    assert [{"role": "user", "content": "2 + 2 ="}] in messages
    assert len({sample.response for sample in samples_of(job)}) == 8


def test_key_is_taken_from_the_named_variable(
    job: Job, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of somebody else")
    monkeypatch.setenv("TEST_KEY", "secret-7")
    generate.generate(job.model_copy(update={"api_key_env": "TEST_KEY"}))
    assert server.keys == {"Bearer secret-7"}


def test_failure_keeps_what_there_is_and_names_the_problem(job: Job, server: Server) -> None:
    generate.generate(with_task(job, samples_per_problem=1))
    server.faults = [failing(500, "broken")] * 12
    with pytest.raises(EvaluationError, match=r"local-completions failed at toy, problem \d"):
        generate.generate(job)
    server.faults.clear()
    generate.generate(job)
    assert len(samples_of(job)) == 16


def test_local_class_by_name(job: Job) -> None:
    local = job.model_copy(
        update={
            "lm_eval_model": "hf",
            "lm_eval_arguments": {"pretrained": TINY, "dtype": "float32", "max_length": 64},
            "batch_size": 16,
        }
    )
    with pytest.raises(EvaluationError, match="holds 64 together"):
        generate.generate(local.model_copy(update={"max_tokens": 40}))
    generate.generate(local)
    samples = samples_of(job)
    assert len({s.response for s in samples if s.id == "3"}) > 1
    assert {s.seed for s in samples} == {None}


def test_unknown_class_lists_what_there_is(job: Job) -> None:
    with pytest.raises(EvaluationError, match=r"no model class 'gpt'; .*local-completions"):
        generate.generate(job.model_copy(update={"lm_eval_model": "gpt"}))


def test_arguments_that_the_class_does_not_take(job: Job) -> None:
    wrong = {"lm_eval_model": "hf", "lm_eval_arguments": {"pretrained": "/no/model"}}
    with pytest.raises(EvaluationError, match=r"lm-eval's hf does not start with .*/no/model"):
        generate.generate(job.model_copy(update=wrong))
