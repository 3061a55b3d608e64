"""The generation child: `python -m evals.generate --job job.json`, started by evals/run.py.

It streams samples-<label>.jsonl to disk and tells its progress as JSON lines on stdout. The same
job after a kill draws only what is missing: batches and their seeds depend on the job alone, so a
resumed file holds the same samples as an uninterrupted one.
"""

import argparse
import fcntl
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evals.job import GeneratedSample, Generation, Job, JobModel, Prompt
from harness.errors import EvaluationError
from harness.files import write_text

Key = tuple[str, int]
PACKAGES = ("lm_eval", "transformers", "torch", "vllm", "tokenizers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One sample to draw."""

    id: str
    sample: int
    text: str
    tokens: int

    @property
    def key(self) -> Key:
        """What identifies the sample in the file."""
        return self.id, self.sample


def tell(label: str, done: int, total: int) -> None:
    """One progress line for the parent."""
    print(json.dumps({"label": label, "done": done, "total": total}), flush=True)


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Hold the right to write a sample file, or refuse."""
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EvaluationError(
                f"another process is writing {path}; wait for it or give another folder"
            ) from error
        yield


def lines(path: Path) -> list[bytes]:
    """The whole lines of a file; text after the last newline is a killed writer's."""
    return path.read_bytes().split(b"\n")[:-1]


def drop_half_line(path: Path) -> None:
    """Cut what a killed writer left after the last newline."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def read_samples(path: Path) -> list[GeneratedSample]:
    """The samples of a file, half-written last line left out."""
    if not path.exists():
        return []
    return [GeneratedSample.model_validate_json(line) for line in lines(path)]


def set_aside_others(job: Job, model: JobModel, samples: Path, record: Path) -> None:
    """Samples of another model or protocol are renamed, never mixed with new ones."""
    if not samples.exists():
        return
    identity = "unknown"
    if record.exists():
        identity = Generation.model_validate_json(record.read_bytes()).identity
    if identity != job.identity(model):
        samples.rename(samples.with_suffix(f".{identity[:8]}.stale"))


def stop_tokens(job: Job, model: JobModel, tokenizer: Any) -> tuple[list[int], dict[str, Any]]:
    """Tokens that end a response, and the sampling settings shipped with the model."""
    from transformers import AutoConfig, GenerationConfig

    from evals.engines import shipped_sampling

    where = {"revision": model.revision or "main", "trust_remote_code": job.trust_remote_code}
    try:
        config = GenerationConfig.from_pretrained(model.path, **where)
    except OSError:
        loaded = AutoConfig.from_pretrained(model.path, **where)
        config = GenerationConfig.from_model_config(loaded)
    ends = config.eos_token_id if config.eos_token_id is not None else []
    found = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}
    if not found:
        raise EvaluationError(
            f"{model.path} names no end token; set eos_token in its tokenizer_config.json"
        )
    return sorted(found), shipped_sampling(config)


def render(job: Job, prompt: Prompt, tokenizer: Any) -> str:
    """The text that the model continues."""
    if job.render == "chat":
        text: str = tokenizer.apply_chat_template(
            prompt.messages, tokenize=False, add_generation_prompt=True
        )
        return text
    if len(prompt.messages) != 1:
        raise EvaluationError(
            f"prompt {prompt.id} has {len(prompt.messages)} messages; render: raw takes exactly "
            "one, use data.render=chat"
        )
    return prompt.messages[0]["content"]


def all_requests(job: Job, tokenizer: Any) -> list[Request]:
    """Every sample of the job, longest prompts first, samples of a problem side by side."""
    prompts = [Prompt.model_validate_json(line) for line in lines(Path(job.prompts))]
    texts = [render(job, prompt, tokenizer) for prompt in prompts]
    encoded = tokenizer(texts, add_special_tokens=False).input_ids
    found = [
        Request(id=prompt.id, sample=sample, text=text, tokens=len(tokens))
        for prompt, text, tokens in zip(prompts, texts, encoded, strict=True)
        for sample in range(job.samples_per_problem)
    ]
    return sorted(found, key=lambda request: (-request.tokens, request.id, request.sample))


def batch_seed(job: Job, model: JobModel, first: Request) -> int:
    """Seed of a batch: differs between batches and between models."""
    text = f"{job.seed}/{model.label}/{first.id}/{first.sample}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31


def load(job: Job, model: JobModel, stops: list[int], longest: int) -> tuple[Any, dict[str, Any]]:
    """The engine and its sampling arguments; refuses prompts that lm-eval would cut."""
    from evals import engines

    if job.backend == "vllm":
        engine, arguments = engines.load_vllm(job, model, longest), engines.vllm_arguments(job)
    else:
        engine, arguments = engines.TokenHFLM(job, model, stops), engines.hf_arguments(job)
    if longest + job.max_tokens > engine.max_length:
        raise EvaluationError(
            f"the longest prompt has {longest} tokens and responses may have {job.max_tokens}, "
            f"but {model.path} holds {engine.max_length} together; lower eval.max_tokens "
            "or data.max_prompt_tokens"
        )
    return engine, arguments


def finished(request: Request, answer: str, stops: list[int], tokenizer: Any) -> GeneratedSample:
    """A line of the sample file: tokens up to and with the first end token."""
    tokens: list[int] = json.loads(answer)
    end = next((index for index, token in enumerate(tokens) if token in stops), None)
    kept = tokens if end is None else tokens[: end + 1]
    return GeneratedSample(
        id=request.id,
        sample=request.sample,
        prompt=request.text,
        response=tokenizer.decode(
            kept, skip_special_tokens=False, clean_up_tokenization_spaces=False
        ),
        response_tokens=len(kept),
        truncated=end is None,
    )


def installed() -> dict[str, str]:
    """Versions of the packages that decide what is sampled."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def engine_dtype(engine: Any) -> str:
    """Precision of the loaded weights."""
    return str(getattr(engine.model, "dtype", "unknown")).removeprefix("torch.")


def sample_missing(job: Job, model: JobModel, samples: Path, record: Path, have: set[Key]) -> None:
    """Load the model and draw every sample that the file does not hold."""
    import torch
    from transformers import AutoTokenizer

    started = time.monotonic()
    if job.threads:
        torch.set_num_threads(job.threads)
    tokenizer = AutoTokenizer.from_pretrained(
        model.path, revision=model.revision or "main", trust_remote_code=job.trust_remote_code
    )
    stops, shipped = stop_tokens(job, model, tokenizer)
    requests = all_requests(job, tokenizer)
    engine, arguments = load(job, model, stops, requests[0].tokens)
    template = "raw"
    if job.render == "chat":
        template = hashlib.sha256(str(tokenizer.chat_template).encode()).hexdigest()

    def note() -> None:
        write_text(
            record,
            Generation(
                identity=job.identity(model),
                model=model,
                engine_arguments=engine.received,
                stop_token_ids=stops,
                ignored_generation_config=shipped,
                template=template,
                dtype=engine_dtype(engine),
                threads=torch.get_num_threads(),
                versions=installed(),
                seconds=round(time.monotonic() - started, 2),
            ).model_dump_json(indent=1)
            + "\n",
        )

    with samples.open("a") as file:
        for start in range(0, len(requests), job.batch_size):
            batch = requests[start : start + job.batch_size]
            if all(request.key in have for request in batch):
                continue
            texts = [request.text for request in batch]
            answers = engine.draw(texts, arguments, batch_seed(job, model, batch[0]))
            # The record goes first: samples without one would be set aside by the next attempt.
            note()
            for request, answer in zip(batch, answers, strict=True):
                if request.key not in have:
                    line = finished(request, answer, stops, tokenizer).model_dump_json()
                    file.write(line + "\n")
                    have.add(request.key)
            file.flush()
            tell(model.label, len(have), len(requests))


def generate(job: Job) -> None:
    """Draw what is missing for every model of the job."""
    folder = Path(job.folder)
    total = len(lines(Path(job.prompts))) * job.samples_per_problem
    for model in job.models:
        samples = folder / f"samples-{model.label}.jsonl"
        record = folder / f"generation-{model.label}.json"
        with only_writer(samples):
            set_aside_others(job, model, samples, record)
            if samples.exists():
                drop_half_line(samples)
            have = {(sample.id, sample.sample) for sample in read_samples(samples)}
            tell(model.label, len(have), total)
            if len(have) < total:
                sample_missing(job, model, samples, record, have)


def main() -> None:
    """Read the job file named on the command line."""
    parser = argparse.ArgumentParser(description="Draw the samples of an evaluation job.")
    parser.add_argument("--job", type=Path, required=True, help="the job file")
    generate(Job.model_validate_json(parser.parse_args().job.read_bytes()))


if __name__ == "__main__":
    main()
