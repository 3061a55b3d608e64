"""Generation through an OpenAI-compatible server on loopback: what is sent, kept and refused."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals import generate
from evals.children import generate_all
from evals.job import Job, JobModel
from evals.sample_files import read_samples
from harness.errors import EvaluationError
from harness.spec import Sampling
from tests.evals.backends.server import (
    Handler,
    Server,
    completion,
    deaf,
    failing,
    hang_up,
    seeded,
    serving,
)
from tests.evals.generating import TINY, make_job, record_of, samples_of, with_task

AT_ONCE = {"retry_after_ms": "1"}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def job(server: Server, tmp_path: Path) -> Job:
    return make_job(
        tmp_path, "tiny", engine="openai", url=server.url, concurrency=4, timeout_s=5, retries=2
    )


def test_every_request_carries_its_own_seed(job: Job, server: Server) -> None:
    generate.generate(job)
    samples = samples_of(job)
    assert len({sample.response for sample in samples}) == 16
    assert {(body["prompt"], body["seed"]) for body in server.asked} == {
        (sample.prompt, sample.seed) for sample in samples
    }
    for body in server.asked:
        del body["prompt"], body["seed"]
        assert body == {"model": "tiny", "temperature": 1.0, "top_p": 1.0, "max_tokens": 24}
    sample = samples[0]
    assert (sample.response_tokens, sample.truncated, sample.finish) == (3, False, "stop")
    assert server.most_running <= 4


def test_record_says_what_was_sent_and_who_answered(job: Job, server: Server) -> None:
    generate.generate(job)
    record = record_of(job)
    assert record.sampling == Sampling(temperature=1.0)
    assert record.engine_arguments["seed"] == "one for each sample"
    assert record.served_models == ["tiny-2026"]
    assert record.system_fingerprints == ["fp_1"]
    assert record.loaded["url"] == server.url
    assert record.stop_token_ids is None
    assert "openai" in record.versions


def test_messages_go_to_chat_with_their_system_message(job: Job, server: Server) -> None:
    generate.generate(with_task(job, render="chat", samples_per_problem=1))
    assert {body["messages"][0]["content"] for body in server.asked} >= {"2 + 2 =", "x"}
    assert json.loads(samples_of(job)[0].prompt)[0]["role"] == "user"
    assert record_of(job).template == "server"


def test_filters_and_stop_texts_are_sent(job: Job, server: Server) -> None:
    sampling = Sampling(temperature=0.6, top_p=0.95, top_k=20)
    generate.generate(job.model_copy(update={"sampling": sampling, "stop": ["\n"]}))
    for body in server.asked:
        assert body.items() >= {
            "temperature": 0.6, "top_p": 0.95, "top_k": 20, "stop": ["\n"],
        }.items()  # fmt: skip


def test_vllm_server_gets_neutral_settings_in_place_of_the_models_own(
    job: Job, server: Server
) -> None:
    server.models[0] |= {"owned_by": "vllm", "max_model_len": 4096}
    generate.generate(job)
    for body in server.asked:
        assert body.items() >= {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}.items()


def test_limit_that_the_server_tells_is_respected(job: Job, server: Server) -> None:
    server.models[0] |= {"max_model_len": 20}
    with pytest.raises(EvaluationError, match="holds 20 together"):
        generate.generate(job)
    assert server.asked == []


@pytest.mark.parametrize(
    ("stop_reason", "response"), [("</a>", "<a>1</a>"), (None, "<a>1"), (2, "<a>1")]
)
def test_stop_text_is_put_back_when_the_server_names_it(
    job: Job, server: Server, stop_reason: Any, response: str
) -> None:
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        found = completion(body, "<a>1")
        found["choices"][0]["stop_reason"] = stop_reason
        return found

    server.answer = answer
    generate.generate(job.model_copy(update={"stop": ["</a>"]}))
    assert {sample.response for sample in samples_of(job)} == {response}


@pytest.mark.parametrize(
    ("content", "thoughts", "response"),
    [("4", None, "4"), ("4", "so", "<think>\nso\n</think>\n4"), (None, "so", "<think>\nso")],
)
def test_thoughts_that_the_server_cut_out_are_put_back(
    job: Job, server: Server, content: str | None, thoughts: str | None, response: str
) -> None:
    server.answer = lambda body: completion(body, content, reasoning_content=thoughts)
    generate.generate(with_task(job, render="chat", samples_per_problem=1))
    assert {sample.response for sample in samples_of(job)} == {response}


def test_truncation_and_missing_usage(job: Job, server: Server) -> None:
    server.answer = lambda body: completion(body, "long", finish="length", tokens=None)
    generate.generate(job)
    sample = samples_of(job)[0]
    assert (sample.truncated, sample.finish, sample.response_tokens) == (True, "length", None)


def test_passing_faults_are_tried_again(job: Job, server: Server) -> None:
    server.faults = [failing(500, **AT_ONCE), failing(429, **AT_ONCE), failing(503, **AT_ONCE)]
    generate.generate(job)
    assert len(samples_of(job)) == 16
    assert len(server.asked) == 19


def test_lost_connection_is_tried_again(job: Job, server: Server) -> None:
    server.faults = [hang_up]
    generate.generate(job)
    assert len(samples_of(job)) == 16


def test_lasting_fault_ends_it_and_the_same_job_continues(job: Job, server: Server) -> None:
    first = [lambda handler: handler.reply(200, seeded({"prompt": "", "seed": 0}))] * 5
    server.faults = [*first, *[failing(500, "out of memory", **AT_ONCE)] * 12]
    with pytest.raises(EvaluationError, match=r"status 500 at toy, problem .*out of memory.*log"):
        generate.generate(job)
    before = samples_of(job)
    assert 1 <= len(before) <= 5
    server.faults.clear()
    server.asked.clear()
    generate.generate(job)
    found = samples_of(job)
    assert found[: len(before)] == before
    # As a set: requests that the first attempt took back may still arrive now.
    assert {body["seed"] for body in server.asked} == {s.seed for s in found[len(before) :]}


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>a proxy</html>", b"{not json", b"null", b"[1, 2]", b"{}", b'{"choices": []}',
        b'{"choices": [{"text": 7, "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "a"}]}',
        b'{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": '
        b'{"completion_tokens": "many"}}',
        b'{"choices": [{"text": "a", "finish_reason": "stop"}, {"text": "b"}]}',
    ],
)  # fmt: skip
def test_garbage_is_refused_with_what_came(job: Job, server: Server, garbage: bytes) -> None:
    server.faults = [lambda handler: handler.reply(200, garbage)] * 16
    with pytest.raises(EvaluationError) as caught:
        generate.generate(job)
    assert server.url in str(caught.value)
    assert "problem " in str(caught.value)
    assert "check that" in str(caught.value)


def test_empty_chat_answer_is_refused(job: Job, server: Server) -> None:
    server.answer = lambda body: completion(body, None)
    with pytest.raises(EvaluationError, match="no completion"):
        generate.generate(with_task(job, render="chat"))


def test_overflow_that_the_server_reports_names_the_problem(job: Job, server: Server) -> None:
    said = "This model's maximum context length is 20 tokens"
    server.faults = [failing(400, said)] * 4
    with pytest.raises(EvaluationError, match=r"problem \d.*20 tokens.*lower eval\.max_tokens"):
        generate.generate(job)
    assert len(server.asked) <= 4, "a refusal is not tried again"


def test_other_refusals_are_shown(job: Job, server: Server) -> None:
    server.faults = [failing(422, "top_k is not allowed")] * 4
    with pytest.raises(EvaluationError, match=r"status 422 .*top_k is not allowed"):
        generate.generate(job)


def test_server_that_is_down_is_told_within_seconds(tmp_path: Path) -> None:
    with serving() as gone:
        url = gone.url
    job = make_job(tmp_path, "tiny", engine="openai", url=url)
    started = time.monotonic()
    with pytest.raises(EvaluationError, match=r"GET /models: no connection.*start the server"):
        generate.generate(job)
    assert time.monotonic() - started < 5


def test_server_that_dies_in_mid_run(job: Job, server: Server) -> None:
    def die(handler: Handler) -> None:
        threading.Thread(target=handler.server.shutdown).start()
        handler.server.socket.close()
        hang_up(handler)

    server.faults = [lambda handler: handler.reply(200, seeded({"prompt": "", "seed": 0})), die]
    with pytest.raises(EvaluationError, match="no connection"):
        generate.generate(job.model_copy(update={"concurrency": 1, "retries": 1}))
    assert len(samples_of(job)) == 1


def test_slow_server_runs_into_the_timeout(job: Job, server: Server) -> None:
    server.faults = [lambda handler: time.sleep(1)] * 4
    with pytest.raises(
        EvaluationError, match=r"no answer within 0\.2 s; see whether .* raise backend\.timeout_s"
    ):
        generate.generate(job.model_copy(update={"timeout_s": 0.2, "retries": 0}))


def test_unknown_model_lists_what_there_is(job: Job, server: Server) -> None:
    other = job.model_copy(
        update={"models": [JobModel(label="base", path="huge", fingerprint="one")]}
    )
    with pytest.raises(EvaluationError, match="does not offer 'huge'; it offers tiny"):
        generate.generate(other)


def test_server_without_a_list_of_models_is_asked_all_the_same(job: Job, server: Server) -> None:
    server.models = None
    generate.generate(job)
    assert len(samples_of(job)) == 16


def test_something_else_behind_the_url(job: Job, server: Server) -> None:
    server.models = "soon"
    with pytest.raises(EvaluationError, match="no list of models"):
        generate.generate(job)


def test_missing_url_is_named(job: Job) -> None:
    with pytest.raises(EvaluationError, match=r"set backend\.url"):
        generate.generate(job.model_copy(update={"url": None}))


@pytest.mark.slow
def test_key_comes_from_the_environment_and_reaches_no_file(
    job: Job, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = job.model_copy(update={"api_key_env": "TEST_KEY", "data_parallel": 2})
    with pytest.raises(EvaluationError, match="names TEST_KEY, which is not set"):
        generate.generate(locked)
    monkeypatch.setenv("TEST_KEY", "secret-7")
    told = []
    generate_all(locked, log_folder=tmp_path / "logs", on_progress=lambda *line: told.append(line))
    assert told[-1] == ("base", 16, 16)
    assert server.keys == {"Bearer secret-7"}
    found = read_samples(job.tasks[0].folder, "base")
    assert len({(sample.id, sample.sample) for sample in found}) == 16
    assert [len(samples_of(job, shard=shard)) for shard in (0, 1)] == [8, 8]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"job.json", "generation-base-1.jsonl"}
    assert not any(b"secret-7" in path.read_bytes() for path in files)


def test_wrong_key_is_told(job: Job, server: Server) -> None:
    server.faults = [failing(401, "bad key")] * 4
    with pytest.raises(EvaluationError, match=r"status 401.*bad key.*set backend\.api_key_env"):
        generate.generate(job)


def test_server_that_ignores_seeds_is_left_to_the_invariants(job: Job, server: Server) -> None:
    server.answer = deaf
    generate.generate(job)
    assert len({sample.response for sample in samples_of(job)}) == 1
    assert len({sample.seed for sample in samples_of(job)}) == 16


@pytest.mark.slow
def test_real_model_behind_the_server(job: Job, server: Server) -> None:
    """The tiny model answers; seeds make its draws differ and repeat."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(TINY)
    model = AutoModelForCausalLM.from_pretrained(TINY).eval()
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0)

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        tokens = tokenizer(body["prompt"], return_tensors="pt").input_ids
        with server.lock:
            torch.manual_seed(body["seed"])
            found = model.generate(
                tokens, do_sample=True, temperature=body["temperature"], top_p=body["top_p"],
                top_k=0, max_new_tokens=body["max_tokens"],
            )[0, tokens.shape[1] :]  # fmt: skip
        finish = "stop" if int(found[-1]) == 2 else "length"
        text = tokenizer.decode(found, skip_special_tokens=True)
        return completion(body, text, finish, tokens=len(found))

    server.answer = answer
    generate.generate(job)
    first = samples_of(job)
    assert len({sample.response for sample in first}) > 8
    assert {sample.truncated for sample in first} >= {True}
    for path in Path(job.tasks[0].folder).glob("*base-0.jsonl"):
        path.unlink()
    generate.generate(job)
    again = {(sample.id, sample.sample): sample for sample in samples_of(job)}
    assert all(again[sample.id, sample.sample] == sample for sample in first)
