"""The interface of what generates responses; evals/generate.py knows the back ends by it alone.

hf and vllm load a model here and work on token ids (local.py), endpoint talks to a server that
speaks the OpenAI protocol, lm_eval_model wraps any model class of lm-eval.
"""

import hashlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, Protocol

from evals.job import EngineFacts, GeneratedSample, Job, JobModel, Prompt, Task

Render = Literal["raw", "chat"]
RequestKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One sample to draw."""

    task: str
    """The benchmark's name."""
    id: str
    """The problem's id."""
    sample: int
    """Number of the sample."""
    seed: int
    """The sample's own seed."""
    text: str
    """The rendered prompt, or the messages as JSON where the engine's server renders."""
    render: Render
    """How the text was made."""
    tokens: int
    """Length of the prompt; 0 when the engine cannot tell."""
    max_tokens: int
    """Longest response."""

    @property
    def key(self) -> RequestKey:
        """What identifies the sample in a job."""
        return self.task, self.id, self.sample


class Engine(Protocol):
    """One model behind one back end. Making it is cheap (tokenizer, or a look at the server);
    the first draw loads the weights."""

    @property
    def max_length(self) -> int | None:
        """Longest prompt + response in tokens; None when only the server knows."""

    def render(self, prompt: Prompt, how: Render) -> str:
        """The text of a prompt; EvaluationError when the model cannot show it that way."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text; 0 where the engine cannot tell."""

    def draw(
        self, requests: Sequence[Request], missing: AbstractSet[RequestKey]
    ) -> Iterator[tuple[Request, GeneratedSample]]:
        """Draws the missing ones of `requests`, each yielded as soon as it is finished.

        All of them are given because an engine that seeds whole batches must cut the same batches
        in every attempt.
        """

    def facts(self, how: Render) -> EngineFacts:
        """What was really used; complete after the first sample."""


def sample_seed(job: Job, model: JobModel, task: Task, problem: str, sample: int) -> int:
    """Seed of one sample, 31 bits.

    It depends on the model's files and not on its label: the same model gives the same samples
    wherever it is evaluated, and two models are drawn independently.
    """
    text = "\n".join([str(job.seed), model.fingerprint, task.name, problem, str(sample)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31


def open_engine(job: Job, model: JobModel) -> Engine:
    """The engine that the job names."""
    if job.engine == "hf":
        from evals.backends.hf import HFEngine

        return HFEngine(job, model)
    if job.engine == "vllm":
        from evals.backends.vllm import VLLMEngine

        return VLLMEngine(job, model)
    if job.engine == "openai":
        from evals.backends.endpoint import EndpointEngine

        return EndpointEngine(job, model)
    from evals.backends.lm_eval_model import LMEvalEngine

    return LMEvalEngine(job, model)
