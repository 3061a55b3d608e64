"""Generation through lm-eval's HFLM on a random tiny model: fidelity, resume, locks."""

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals import generate
from evals.job import Generation, Job, JobModel
from harness.errors import EvaluationError
from harness.spec import Sampling

pytestmark = pytest.mark.slow

END, PAD = "<|end|>", "<|pad|>"
PROMPTS = ["2 + 2 =", "a longer prompt\nwith a second line\n", "x", " leading and trailing "]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random Qwen2 with a byte-level tokenizer that would add an end token if it were let to."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import (
        GenerationConfig,
        PreTrainedTokenizerFast,
        Qwen2Config,
        Qwen2ForCausalLM,
    )

    torch.set_num_threads(1)
    vocabulary = {PAD: 0, END: 1}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[letter] = len(vocabulary)
    bytes_only = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", special_tokens=[(END, 1)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_only,
        eos_token=END,
        pad_token=PAD,
        chat_template="{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}:",
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=128,
            initializer_range=0.3,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    # The end token is made likely, so that responses end, and a shipped setting is there to ignore.
    with torch.no_grad():
        model.lm_head.weight[1] *= 2.5
    model.generation_config = GenerationConfig(
        eos_token_id=1, pad_token_id=0, do_sample=True, repetition_penalty=7.0, top_k=2
    )
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def job(model_path: str, tmp_path: Path) -> Job:
    """Four prompts, four samples each, in batches that cut through a prompt's samples."""
    prompts = tmp_path / "prompts.jsonl"
    rows = [
        {"id": str(index), "messages": [{"role": "user", "content": text}]}
        for index, text in enumerate(PROMPTS)
    ]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Job(
        models=[JobModel(label="base", path=model_path, fingerprint="one")],
        prompts=str(prompts),
        prompts_sha256="",
        folder=str(tmp_path),
        samples_per_problem=4,
        sampling=Sampling(temperature=1.0),
        max_tokens=24,
        seed=0,
        render="raw",
        backend="hf",
        device="cpu",
        dtype="float32",
        batch_size=6,
        threads=1,
    )


def samples_of(job: Job) -> list[dict[str, Any]]:
    lines = (Path(job.folder) / "samples-base.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def record_of(job: Job) -> Generation:
    text = (Path(job.folder) / "generation-base.json").read_text()
    return Generation.model_validate_json(text)


def test_samples_are_complete_different_and_flagged(job: Job) -> None:
    generate.generate(job)
    samples = samples_of(job)
    assert {(s["id"], s["sample"]) for s in samples} == {
        (str(i), k) for i in range(4) for k in range(4)
    }
    for index, prompt in enumerate(PROMPTS):
        mine = [s for s in samples if s["id"] == str(index)]
        assert len({s["response"] for s in mine}) > 1
        assert {s["prompt"] for s in mine} == {prompt}
    for sample in samples:
        assert sample["truncated"] == (not sample["response"].endswith(END))
        assert sample["response_tokens"] == 24 if sample["truncated"] else True
        assert PAD not in sample["response"].split(END)[-1]


def test_record_names_what_the_engine_received_and_what_was_ignored(job: Job) -> None:
    generate.generate(job)
    record = record_of(job)
    assert record.engine_arguments == {
        "do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0,
    }  # fmt: skip
    assert record.ignored_generation_config["repetition_penalty"] == 7.0
    assert record.stop_token_ids == [1]
    assert (record.template, record.dtype) == ("raw", "float32")


def test_greedy_equals_transformers_on_the_bare_prompt(job: Job) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    job = job.model_copy(update={"sampling": Sampling(temperature=0.0), "samples_per_problem": 1})
    generate.generate(job)
    tokenizer = AutoTokenizer.from_pretrained(job.models[0].path)
    model = AutoModelForCausalLM.from_pretrained(job.models[0].path).eval()
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0)
    for sample in samples_of(job):
        tokens = tokenizer(
            PROMPTS[int(sample["id"])], add_special_tokens=False, return_tensors="pt"
        ).input_ids
        with torch.no_grad():
            output = model.generate(tokens, max_new_tokens=24, do_sample=False)
        expected = tokenizer.decode(output[0, tokens.shape[1] :], skip_special_tokens=False)
        assert sample["response"] == expected


def test_resumed_file_holds_the_samples_of_an_uninterrupted_one(job: Job, tmp_path: Path) -> None:
    generate.generate(job)
    path = tmp_path / "samples-base.jsonl"
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(keepends=True)[:8]) + '{"id":"2","samp')
    generate.generate(job)
    assert path.read_text() == whole


def test_complete_file_needs_no_engine(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    generate.generate(job)

    def forbidden(*_: Any) -> None:
        raise AssertionError("the model was loaded again")

    monkeypatch.setattr(generate, "sample_missing", forbidden)
    generate.generate(job)


def test_samples_of_another_model_are_set_aside(job: Job, tmp_path: Path) -> None:
    generate.generate(job)
    first = (tmp_path / "samples-base.jsonl").read_text()
    other = job.models[0].model_copy(update={"fingerprint": "two"})
    generate.generate(job.model_copy(update={"models": [other]}))
    stale = list(tmp_path.glob("samples-base.*.stale"))
    assert [path.read_text() for path in stale] == [first]
    assert len(samples_of(job)) == 16


def test_two_models_draw_independently(job: Job, tmp_path: Path) -> None:
    twin = job.models[0].model_copy(update={"label": "trained"})
    generate.generate(job.model_copy(update={"models": [job.models[0], twin]}))
    one = [s["response"] for s in samples_of(job)]
    lines = (tmp_path / "samples-trained.jsonl").read_text().splitlines()
    assert one != [json.loads(line)["response"] for line in lines]


def test_chat_uses_the_models_template_and_records_its_hash(job: Job) -> None:
    generate.generate(job.model_copy(update={"render": "chat"}))
    assert "<user>2 + 2 =:" in {sample["prompt"] for sample in samples_of(job)}
    assert len(record_of(job).template) == 64


def test_prompt_that_lm_eval_would_cut_is_refused(job: Job) -> None:
    with pytest.raises(EvaluationError, match="holds 128 together"):
        generate.generate(job.model_copy(update={"max_tokens": 120}))


@pytest.fixture
def held(tmp_path: Path) -> Iterator[None]:
    with (tmp_path / "samples-base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.usefixtures("held")
def test_second_writer_is_refused(job: Job) -> None:
    with pytest.raises(EvaluationError, match="another process is writing"):
        generate.generate(job)


def test_progress_counts_to_the_total(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    generate.generate(job)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["done"] for line in told] == [0, 6, 12, 16]
    assert {line["total"] for line in told} == {16}
