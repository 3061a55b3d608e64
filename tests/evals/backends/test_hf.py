"""Hugging Face generation on a random byte-level model: fidelity, stop texts, kill and resume."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evals import generate
from evals.children import child_environment, generate_all
from evals.job import Job, JobModel
from evals.sample_files import read_generations, read_samples
from harness.errors import EvaluationError
from harness.spec import Sampling
from tests.evals.generating import (
    END,
    PROMPTS,
    ROOT,
    TINY,
    file_of,
    make_job,
    make_task,
    record_of,
    samples_of,
    save_byte_model,
    with_task,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_byte_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def job(model_path: str, tmp_path: Path) -> Job:
    return make_job(tmp_path, model_path)


def test_samples_are_complete_different_and_flagged(job: Job) -> None:
    generate.generate(job)
    samples = samples_of(job)
    assert {(s.id, s.sample) for s in samples} == {(str(i), k) for i in range(4) for k in range(4)}
    for index, prompt in enumerate(PROMPTS):
        mine = [s for s in samples if s.id == str(index)]
        assert len({s.response for s in mine}) > 1
        assert {s.prompt for s in mine} == {prompt}
    assert {s.finish for s in samples} == {"stop", "length"}
    for sample in samples:
        assert sample.truncated == (not sample.response.endswith(END))
        assert sample.truncated == (sample.finish == "length")
        assert sample.response_tokens == 24 if sample.truncated else True
        assert END not in sample.response.removesuffix(END)


def test_record_names_what_the_engine_received_and_what_was_ignored(job: Job) -> None:
    generate.generate(job)
    record = record_of(job)
    assert record.engine_arguments == {
        "do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0,
    }  # fmt: skip
    assert record.sampling == job.sampling
    assert record.ignored_generation_config["repetition_penalty"] == 7.0
    assert record.stop_token_ids == [1]
    assert (record.template, record.dtype, record.threads) == ("raw", "float32", 1)
    assert record.versions.keys() >= {"transformers", "torch", "lm_eval"}


def test_greedy_equals_transformers_on_the_bare_prompt(job: Job) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    job = job.model_copy(update={"sampling": Sampling(temperature=0.0)})
    job = with_task(job, samples_per_problem=1)
    generate.generate(job)
    tokenizer = AutoTokenizer.from_pretrained(job.models[0].path)
    model = AutoModelForCausalLM.from_pretrained(job.models[0].path).eval()
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0)
    for sample in samples_of(job):
        tokens = tokenizer(
            PROMPTS[int(sample.id)], add_special_tokens=False, return_tensors="pt"
        ).input_ids
        with torch.no_grad():
            output = model.generate(tokens, max_new_tokens=24, do_sample=False)
        expected = tokenizer.decode(output[0, tokens.shape[1] :], skip_special_tokens=False)
        assert sample.response == expected
        assert sample.seed is None
    assert record_of(job).sampling == Sampling(temperature=0.0)


def test_stop_text_ends_a_response_and_stays_in_it(job: Job, tmp_path: Path) -> None:
    """The draws before the stop text are those of a run without it."""
    generate.generate(job)
    free = {(s.id, s.sample): s for s in samples_of(job)}
    common = max("etaoinshrdlu012", key=lambda c: sum(c in s.response for s in free.values()))
    stopped = make_job(tmp_path / "stopped", job.models[0].path, stop=[common, "never here"])
    generate.generate(stopped)
    ended = 0
    for sample in samples_of(stopped):
        whole = free[sample.id, sample.sample]
        if common not in whole.response.removesuffix(END):
            assert sample == whole
            continue
        ended += 1
        assert sample.response == whole.response[: whole.response.index(common) + 1]
        assert (sample.truncated, sample.finish) == (False, "stop")
        assert sample.response_tokens < whole.response_tokens
    assert ended


def test_stop_text_over_several_tokens_ends_the_batch_early(job: Job, tmp_path: Path) -> None:
    from evals.backends.hf import HFEngine
    from evals.backends.local import stop_end

    generate.generate(job)
    longest = max(samples_of(job), key=lambda s: s.response_tokens)
    stop = longest.response[3:6]
    engine = HFEngine(make_job(tmp_path, job.models[0].path, stop=[stop]), job.models[0])
    assert stop_end(longest.response, [stop]) == 6
    found = engine.finished(
        generate.task_requests(job, job.tasks[0], job.models[0], engine)[0],
        engine.encode([longest.response])[0],
        seed=1,
    )
    assert (found.response, found.truncated) == (longest.response[:6], False)


def test_resumed_file_holds_the_samples_of_an_uninterrupted_one(job: Job) -> None:
    generate.generate(job)
    path = file_of(job)
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(keepends=True)[:8]) + '{"id":"2","samp')
    generate.generate(job)
    assert path.read_text() == whole


def test_killed_child_is_continued_to_the_same_file(job: Job, tmp_path: Path) -> None:
    """SIGKILL in the middle of a real run, then the same job through the parent."""
    whole = make_job(tmp_path / "whole", job.models[0].path)
    many = {"tasks": [make_task(tmp_path, k=60)], "batch_size": 4}
    generate.generate(whole.model_copy(update=many | {"tasks": [make_task(tmp_path / "w", k=60)]}))
    expected = (tmp_path / "w" / "toy" / "samples-base-0.jsonl").read_text()
    job = job.model_copy(update=many)
    path = tmp_path / "job.json"
    path.write_text(job.model_dump_json())
    child = subprocess.Popen(
        [sys.executable, "-m", "evals.generate", "--job", str(path)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=child_environment(job, 0),
    )  # fmt: skip
    assert child.stdout is not None
    for line in child.stdout:
        if '"done": 0' not in line:
            child.send_signal(signal.SIGKILL)
            break
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    drawn = len(read_samples(job.tasks[0].folder, "base"))
    assert 0 < drawn < 240
    told: list[int] = []
    generate_all(job, log_folder=tmp_path, on_progress=lambda label, done, total: told.append(done))
    assert told[0] == drawn
    assert told[-1] == 240
    assert file_of(job).read_text() == expected
    first, second = read_generations(job.tasks[0].folder, "base")
    assert second.samples == 240 - drawn
    assert first.samples <= drawn


def test_greater_k_keeps_every_sample_and_differs(job: Job) -> None:
    generate.generate(job)
    before = file_of(job).read_text()
    generate.generate(with_task(job, samples_per_problem=6))
    assert file_of(job).read_text().startswith(before)
    found = samples_of(job)
    assert len(found) == 24
    for problem in range(4):
        assert len({s.response for s in found if s.id == str(problem)}) > 3


def test_models_and_benchmarks_are_drawn_independently(job: Job, tmp_path: Path) -> None:
    twin = JobModel(label="trained", path=job.models[0].path, fingerprint="two")
    tasks = [*job.tasks, make_task(tmp_path, "other")]
    both = job.model_copy(update={"models": [job.models[0], twin], "tasks": tasks})
    generate.generate(both)
    found = [
        [s.response for s in samples_of(both, label, task=task)]
        for label in ("base", "trained") for task in (0, 1)
    ]  # fmt: skip
    assert all(found[0] != other for other in found[1:])
    assert found[1] != found[3]


def test_chat_uses_the_models_template_and_records_its_hash(job: Job) -> None:
    job = with_task(job, render="chat")
    generate.generate(job)
    assert "<user>2 + 2 =:" in {sample.prompt for sample in samples_of(job)}
    assert len(record_of(job).template) == 64


def test_raw_prompt_with_a_system_message_is_refused(job: Job) -> None:
    from evals.backends.hf import HFEngine
    from evals.job import Prompt

    engine = HFEngine(job, job.models[0])
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    prompt = Prompt(id="7", messages=messages)
    assert engine.render(prompt, "chat") == "<system>s<user>u:"
    with pytest.raises(EvaluationError, match="prompt 7 has 2 messages"):
        engine.render(prompt, "raw")
    engine.tokenizer.chat_template = "{{ raise_exception('no system role') }}"
    with pytest.raises(EvaluationError, match="cannot show prompt 7: no system role"):
        engine.render(prompt, "chat")


def test_prompt_that_lm_eval_would_cut_is_refused_before_weights_are_loaded(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evals.backends import hf

    monkeypatch.delattr(hf, "TokenHFLM")
    with pytest.raises(EvaluationError, match="holds 128 together"):
        generate.generate(job.model_copy(update={"max_tokens": 120}))


def test_a_folder_that_is_no_model_says_what_it_needs(job: Job, tmp_path: Path) -> None:
    broken = job.models[0].model_copy(update={"path": str(tmp_path)})
    with pytest.raises(EvaluationError, match=r"cannot load .*needs config.json, weights"):
        generate.generate(job.model_copy(update={"models": [broken]}))


def test_weights_without_tokenizer_are_refused(job: Job, tmp_path: Path) -> None:
    """transformers invents a tokenizer that turns every prompt into nothing."""
    alone = tmp_path / "weights"
    alone.mkdir()
    for name in ("config.json", "model.safetensors"):
        (alone / name).write_bytes((Path(TINY) / name).read_bytes())
    broken = job.models[0].model_copy(update={"path": str(alone)})
    with pytest.raises(EvaluationError, match="no usable tokenizer"):
        generate.generate(job.model_copy(update={"models": [broken]}))
