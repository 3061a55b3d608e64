"""The contract between an evaluation and its generation processes: job, prompts, samples, record.

evals/run.py makes a Job, evals/children.py hands it to evals/generate.py, and what that leaves on
disk (evals/sample_files.py) is read back by whoever grades it.
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from harness.spec import Sampling


class Frozen(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )


class JobModel(Frozen):
    """One model to sample from."""

    label: str
    """base, trained, control, ...; part of the file names."""
    path: str
    """Local folder, hub id, or the name under which a server offers the model."""
    revision: str | None = None
    """Hub commit, for a hub id."""
    adapter: str | None = None
    """Folder or hub id of a PEFT adapter on top of the model."""
    fingerprint: str
    """Hash of the model's files; samples of another model are never continued."""


class Prompt(Frozen):
    """One line of a prompts file."""

    id: str
    """Unique in the file."""
    messages: list[dict[str, str]]
    """Role and content; a raw prompt is the content of its one message."""


class Task(Frozen):
    """One benchmark of a job."""

    name: str
    """The benchmark's name; part of each sample's seed."""
    prompts: str
    """JSONL of Prompt lines."""
    prompts_sha256: str
    """Hash of the prompts file."""
    samples_per_problem: PositiveInt
    """k; not part of the samples' identity, a greater one only adds samples."""
    render: Literal["raw", "chat"]
    """raw: the message's text is the prompt; chat: the model's chat template."""
    folder: str
    """Where the samples and their record go."""
    max_tokens: PositiveInt | None = None
    """Longest response, where it is not the job's."""


class Job(Frozen):
    """Everything that the generation processes need."""

    models: list[JobModel]
    """Sampled one after the other."""
    tasks: list[Task]
    """Benchmarks, each in its own folder."""
    sampling: Sampling
    """Temperature, top_p and top_k."""
    max_tokens: PositiveInt
    """Longest response."""
    stop: list[str] = []
    """Texts that end a response besides the end token; kept in the response, where known."""
    seed: int
    """Seed of the draws; every sample's own seed derives from it."""
    engine: Literal["hf", "vllm", "openai", "lm_eval"]
    """Which module of evals/backends generates."""
    device: Literal["cpu", "cuda"]
    """Where hf and vllm run."""
    dtype: Literal["float32", "bfloat16"]
    """Precision of weights and computation of hf and vllm."""
    trust_remote_code: bool = False
    """Run Python code shipped with the model."""
    threads: PositiveInt | None = None
    """CPU threads; null leaves the choice to torch."""
    batch_size: PositiveInt = 256
    """hf and lm_eval: responses generated together."""
    data_parallel: PositiveInt = 1
    """Copies of the model, each in its own process with its own shard of the samples."""
    tensor_parallel: PositiveInt = 1
    """vllm: GPUs over which one copy of the model is split."""
    memory_fraction: PositiveFloat = 0.85
    """vllm: share of GPU memory for weights and KV cache."""
    url: str | None = None
    """openai: base URL of the server."""
    api_key_env: str | None = None
    """openai and lm_eval: name of the environment variable that holds the key."""
    concurrency: PositiveInt = 32
    """openai and lm_eval's API models: requests in flight."""
    timeout_s: PositiveFloat = 600
    """openai: longest wait for one response."""
    retries: Annotated[int, Field(ge=0)] = 5
    """openai: tries after a refused, failed or timed-out request."""
    lm_eval_model: str | None = None
    """lm_eval: name of the model class."""
    lm_eval_arguments: dict[str, Any] = {}
    """lm_eval: arguments of the model class."""

    def limit(self, task: Task) -> int:
        """Longest response of a task."""
        return task.max_tokens or self.max_tokens

    def identity(self, task: Task, model: JobModel) -> str:
        """Hash of what decides the draws of a task; samples of equal identity may be mixed.

        Neither k nor the way the work is split (batches, copies, requests in flight) is part of
        it, so that an evaluation can be continued on another machine.
        """
        parts = self.model_dump(
            mode="json",
            include={
                "max_tokens", "stop", "seed", "engine", "device", "dtype", "url",
                "lm_eval_model", "lm_eval_arguments",
            },
        )  # fmt: skip
        parts["max_tokens"] = self.limit(task)
        parts["sampling"] = effective(self.sampling).model_dump()
        parts["task"] = [task.name, task.prompts_sha256, task.render]
        parts["model"] = model.fingerprint
        return canonical_hash(parts)


def writable(value: str) -> str:
    """A text with `?` for half surrogates, which JSON can hold (\\ud800) and no file can."""
    return value.encode("utf-8", "replace").decode("utf-8")


class GeneratedSample(Frozen):
    """One line of samples-<label>-<shard>.jsonl."""

    id: str
    """The prompt's id."""
    sample: int
    """Number of the sample, 0 to k - 1."""
    seed: int | None
    """Seed of the draw: the sample's own, or its batch's with hf; null when greedy or unknown."""
    prompt: str
    """The rendered prompt, special tokens kept; the messages as JSON where a server renders."""
    response: str
    """The response; special tokens kept where the engine gives token ids, padding removed."""
    response_tokens: int | None
    """Length in tokens, the end token included; null when the engine does not tell."""
    truncated: bool | None
    """True when the token limit came before an end; null when the engine does not tell."""
    finish: str | None
    """stop (end token or stop text), length, or the server's own word; null when unknown."""

    @field_validator("prompt", "response")
    @classmethod
    def _writable(cls, value: str) -> str:
        return writable(value)


class EngineFacts(Frozen):
    """What an engine really used, as far as it tells."""

    sampling: Sampling
    """As the engine received it, in the normal form of `effective`."""
    engine_arguments: dict[str, Any]
    """Sampling arguments as read back from the engine, or as sent to a server."""
    loaded: dict[str, Any]
    """How the engine was set up, as read back from it."""
    stop_token_ids: list[int] | None = None
    """Tokens that end a response; null when only the server knows."""
    ignored_generation_config: dict[str, Any] = {}
    """Sampling settings shipped with the model, which are not used."""
    template: str
    """raw, the sha256 of the chat template, or server when it renders the messages."""
    dtype: str | None = None
    """Precision of the loaded weights; null when the engine does not tell."""
    threads: int | None = None
    """CPU threads of torch; null when nothing is computed here."""
    served_models: list[str] = []
    """Model names in a server's responses."""
    system_fingerprints: list[str] = []
    """Configurations of a server, as it names them; more than one: it changed in between."""


class Generation(EngineFacts):
    """One line of generation-<label>-<shard>.jsonl: one attempt at a task."""

    identity: str
    """Job.identity of the samples beside it."""
    task: str
    """The benchmark's name."""
    model: JobModel
    """The model as asked for."""
    engine: str
    """Module of evals/backends."""
    versions: dict[str, str]
    """Package versions."""
    shard: int
    """Number of the copy of the model."""
    shards: int
    """Copies of the model."""
    samples: int
    """Samples that this attempt drew."""
    seconds: NonNegativeFloat
    """Time from the attempt's start to its last noted sample, loading included."""


def effective(sampling: Sampling) -> Sampling:
    """Normal form: what has no effect is left out (filters when greedy, top_k of 0)."""
    if sampling.temperature == 0:
        return Sampling(temperature=0.0)
    return sampling.model_copy(update={"top_k": sampling.top_k if sampling.top_k > 0 else -1})


def canonical_hash(value: Any) -> str:
    """sha256 of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
