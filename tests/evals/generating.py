"""Jobs, a byte-level model and a scripted engine for the tests of generation."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from evals.backends import Render, Request, RequestKey
from evals.job import EngineFacts, GeneratedSample, Generation, Job, JobModel, Prompt, Task
from evals.sample_files import read_generations, sample_path
from harness.spec import Sampling

END, PAD = "<|end|>", "<|pad|>"
PROMPTS = ["2 + 2 =", "a longer prompt\nwith a second line\n", "x", " leading and trailing "]
ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "harness" / "tiny" / "countdown")


def make_task(folder: Path, name: str = "toy", k: int = 4, **changes: Any) -> Task:
    """A task with the prompts above, in a folder of its own."""
    rows = [
        {"id": str(index), "messages": [{"role": "user", "content": text}]}
        for index, text in enumerate(PROMPTS)
    ]
    path = folder / name / "prompts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    parts = {
        "name": name,
        "prompts": str(path),
        "prompts_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "samples_per_problem": k,
        "render": "raw",
        "folder": str(path.parent),
    }
    return Task.model_validate(parts | changes)


def make_job(folder: Path, model: str = "nowhere", **changes: Any) -> Job:
    """Four prompts, four samples each, in batches that cut through a round of samples."""
    parts = {
        "models": [JobModel(label="base", path=model, fingerprint="one")],
        "tasks": [make_task(folder)],
        "sampling": Sampling(temperature=1.0),
        "max_tokens": 24,
        "seed": 0,
        "engine": "hf",
        "device": "cpu",
        "dtype": "float32",
        "batch_size": 6,
        "threads": 1,
    }
    return Job.model_validate(parts | changes)


def with_task(job: Job, **changes: Any) -> Job:
    """The job with its first task changed."""
    return job.model_copy(
        update={"tasks": [job.tasks[0].model_copy(update=changes), *job.tasks[1:]]}
    )


def file_of(job: Job, label: str = "base", shard: int = 0, task: int = 0) -> Path:
    """A sample file of a job."""
    return sample_path(job.tasks[task].folder, label, shard)


def samples_of(job: Job, label: str = "base", shard: int = 0, task: int = 0) -> list[Any]:
    """The lines of a sample file, in the order in which they were written."""
    lines = file_of(job, label, shard, task).read_text().splitlines()
    return [GeneratedSample.model_validate_json(line) for line in lines]


def record_of(job: Job) -> Generation:
    """The record of the newest attempt."""
    return read_generations(job.tasks[0].folder, "base")[-1]


class ScriptedEngine:
    """Answers with the seed; fails after `lives` samples, as a killed process would."""

    def __init__(self, job: Job, max_length: int | None = 128, lives: int | None = None) -> None:
        self.job, self.max_length, self.lives = job, max_length, lives
        self.drawn: list[RequestKey] = []

    def render(self, prompt: Prompt, how: Render) -> str:
        return prompt.messages[0]["content"]

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    def draw(
        self, requests: Sequence[Request], missing: AbstractSet[RequestKey]
    ) -> Iterator[tuple[Request, GeneratedSample]]:
        for request in requests:
            if request.key not in missing:
                continue
            if self.lives is not None and len(self.drawn) >= self.lives:
                raise KeyboardInterrupt
            self.drawn.append(request.key)
            yield (
                request,
                GeneratedSample(
                    id=request.id, sample=request.sample, seed=request.seed, prompt=request.text,
                    response=f"{request.seed}", response_tokens=1, truncated=False, finish="stop",
                ),
            )  # fmt: skip

    def facts(self, how: Render) -> EngineFacts:
        return EngineFacts(
            sampling=self.job.sampling, engine_arguments={}, loaded={}, template="raw"
        )


def save_byte_model(folder: Path) -> str:
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
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
