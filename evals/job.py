"""The contract between evals/run.py and its generation child: job, prompts, samples, record."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveFloat, PositiveInt

from harness.spec import Sampling


class Frozen(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )


class JobModel(Frozen):
    """One model to sample from."""

    label: str
    """base or trained; part of the file names."""
    path: str
    """Local folder or hub id."""
    revision: str | None = None
    """Hub commit, for a hub id."""
    fingerprint: str
    """Hash of the model's files; samples of another model are never continued."""


class Prompt(Frozen):
    """One line of the prompts file."""

    id: str
    """Unique in the file."""
    messages: list[dict[str, str]]
    """Role and content; a raw prompt is the content of its one message."""


class Job(Frozen):
    """Everything the generation child needs."""

    models: list[JobModel]
    """Sampled one after the other in one process."""
    prompts: str
    """JSONL of Prompt lines."""
    prompts_sha256: str
    """Hash of the prompts file."""
    folder: str
    """Where samples-<label>.jsonl and generation-<label>.json go."""
    samples_per_problem: PositiveInt
    """k."""
    sampling: Sampling
    """Temperature, top_p and top_k."""
    max_tokens: PositiveInt
    """Longest response."""
    seed: int
    """Seed of the draws."""
    render: Literal["raw", "chat"]
    """raw: the message's text is the prompt; chat: the model's chat template."""
    backend: Literal["hf", "vllm"]
    """lm-eval's HFLM or VLLM class."""
    device: Literal["cpu", "cuda"]
    """Where the hf backend runs."""
    dtype: Literal["float32", "bfloat16"]
    """Precision of weights and computation."""
    batch_size: PositiveInt = 256
    """Responses generated together."""
    threads: PositiveInt | None = None
    """CPU threads; null leaves the choice to torch."""
    trust_remote_code: bool = False
    """Run Python code shipped with the model."""
    tensor_parallel: PositiveInt = 1
    """vllm: GPUs over which one copy of the model is split."""
    memory_fraction: PositiveFloat = 0.85
    """vllm: share of GPU memory."""

    def identity(self, model: JobModel) -> str:
        """Hash of what decides the samples of one model."""
        parts = self.model_dump(mode="json", exclude={"models", "prompts", "folder", "threads"})
        parts["model"] = [model.label, model.fingerprint]
        return canonical_hash(parts)


class GeneratedSample(Frozen):
    """One line of samples-<label>.jsonl."""

    id: str
    """The prompt's id."""
    sample: int
    """Number of the sample, 0 to k - 1."""
    prompt: str
    """The rendered prompt, special tokens kept."""
    response: str
    """The decoded response, special tokens kept, padding removed."""
    response_tokens: int
    """Length in tokens, the end token included."""
    truncated: bool
    """True when the token limit came before an end token."""


class Generation(Frozen):
    """generation-<label>.json: what was really used."""

    identity: str
    """Job.identity of the samples beside it."""
    model: JobModel
    """The model as asked for."""
    engine_arguments: dict[str, Any]
    """The sampling arguments as the engine received them."""
    stop_token_ids: list[int]
    """Tokens that end a response."""
    ignored_generation_config: dict[str, Any]
    """Sampling settings shipped with the model, which are not used."""
    template: str
    """raw, or the sha256 of the chat template."""
    dtype: str
    """Precision of the loaded weights; unknown for vllm, which does not tell."""
    threads: int
    """CPU threads of torch."""
    versions: dict[str, str]
    """Package versions."""
    seconds: NonNegativeFloat
    """Time spent in loading and generating, over all attempts of this identity."""


def canonical_hash(value: Any) -> str:
    """sha256 of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
