"""Any server that speaks the OpenAI protocol (vLLM, SGLang, llama.cpp, a hosted service).

Raw prompts go to /completions, messages to /chat/completions; the server renders and tokenizes.
Every request carries its own seed, and every response is validated before it becomes a sample.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OpenAIError,
    PermissionDeniedError,
)

from evals.backends import Render, Request, RequestKey
from evals.backends.local import raw_text
from evals.job import EngineFacts, GeneratedSample, Job, JobModel, Prompt, effective
from harness.errors import EvaluationError

LOOK_TIMEOUT_S = 10.0
SHOWN = 300  # characters of a server's answer in an error message
# A vLLM server fills what a request does not say from the model's own generation_config.json.
VLLM_NEUTRAL = {"min_p": 0.0, "repetition_penalty": 1.0}
OVERFLOW = ("context length", "context_length", "maximum context", "max_model_len", "too long")

Drawn = tuple[Request, GeneratedSample]


class EndpointEngine:
    """A client with a bounded number of requests in flight."""

    def __init__(self, job: Job, model: JobModel) -> None:
        if not job.url:
            raise EvaluationError(
                "the openai engine needs the server's base URL; set backend.url, for example "
                "http://127.0.0.1:8000/v1"
            )
        self.job, self.model, self.url = job, model, job.url
        self.key = api_key(job)
        self.server: dict[str, Any] = {}
        self.served_models: set[str] = set()
        self.system_fingerprints: set[str] = set()
        with asyncio.Runner() as runner:
            runner.run(self._look())

    def client(self, timeout_s: float, retries: int) -> AsyncOpenAI:
        """The library waits between tries (0.5 to 8 s, or what Retry-After says)."""
        return AsyncOpenAI(
            base_url=self.url, api_key=self.key, timeout=timeout_s, max_retries=retries
        )

    async def _look(self) -> None:
        """Asks the server for its models: it must be there, and offer the one asked for."""
        async with self.client(LOOK_TIMEOUT_S, 0) as client:
            try:
                offered = (await client.models.list()).data
                found = {str(model.id): model.model_dump() for model in offered}
            except NotFoundError:
                return  # no /models: what is wrong shows with the first request
            except OpenAIError as error:
                raise self.explain(error, "GET /models", LOOK_TIMEOUT_S) from error
            except (AttributeError, TypeError, ValueError) as error:
                raise EvaluationError(
                    f"{self.url}/models answered with something that is no list of models "
                    f"({error}); backend.url must be the base URL of an OpenAI-compatible server, "
                    "which mostly ends in /v1"
                ) from error
        if self.model.path not in found:
            raise EvaluationError(
                f"{self.url} does not offer {self.model.path!r}; it offers "
                f"{', '.join(sorted(found)) or 'no model'}: set model.path to one of them"
            )
        self.server = found[self.model.path]

    @property
    def max_length(self) -> int | None:
        """vLLM tells its limit with the model; other servers keep it to themselves."""
        limit = self.server.get("max_model_len")
        return limit if isinstance(limit, int) else None

    def render(self, prompt: Prompt, how: Render) -> str:
        """The raw text, or the messages as JSON: the server has the chat template."""
        return raw_text(prompt) if how == "raw" else json.dumps(prompt.messages, ensure_ascii=False)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Unknown: the tokenizer is the server's."""
        return [0] * len(texts)

    def arguments(self) -> dict[str, Any]:
        """What every request says about sampling, besides its seed and its longest response."""
        sampling = effective(self.job.sampling)
        extra: dict[str, Any] = {"top_k": sampling.top_k} if sampling.top_k > 0 else {}
        if self.server.get("owned_by") == "vllm":
            extra = {"top_k": sampling.top_k, **VLLM_NEUTRAL}
        found: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if self.job.stop:
            found["stop"] = self.job.stop
        return found | ({"extra_body": extra} if extra else {})

    def draw(
        self, requests: Sequence[Request], missing: AbstractSet[RequestKey]
    ) -> Iterator[Drawn]:
        """The missing requests, `concurrency` at a time, in the order in which they finish."""
        wanted = [request for request in requests if request.key in missing]
        stream = self._draw(wanted)
        with asyncio.Runner() as runner:
            try:
                while (drawn := runner.run(following(stream))) is not None:
                    yield drawn
            finally:
                runner.run(stream.aclose())

    async def _draw(self, wanted: Sequence[Request]) -> AsyncGenerator[Drawn, None]:
        """Keeps the queue full; the first failure ends it, after the samples that came with it."""
        waiting = iter(wanted)
        running: set[asyncio.Task[Drawn]] = set()
        async with self.client(self.job.timeout_s, self.job.retries) as client:
            try:
                while True:
                    while len(running) < self.job.concurrency:
                        if (request := next(waiting, None)) is None:
                            break
                        running.add(asyncio.create_task(self._one(client, request)))
                    if not running:
                        return
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in sorted(done, key=lambda task: task.exception() is not None):
                        yield task.result()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, client: AsyncOpenAI, request: Request) -> Drawn:
        """One request, tried again as often as allowed."""
        common = {"model": self.model.path, "seed": request.seed, **self.arguments()}
        common["max_tokens"] = request.max_tokens
        try:
            if request.render == "chat":
                messages = json.loads(request.text)
                answer = await client.chat.completions.create(messages=messages, **common)
            else:
                answer = await client.completions.create(prompt=request.text, **common)
        except (OpenAIError, ValueError) as error:
            what = f"{request.task}, problem {request.id}, sample {request.sample}"
            raise self.explain(error, what, self.job.timeout_s) from error
        return request, self.sample(request, answer)

    def sample(self, request: Request, answer: Any) -> GeneratedSample:
        """A validated response."""
        try:
            (choice,) = answer.choices
            text = chat_text(choice.message) if request.render == "chat" else choice.text
            finish, tokens = choice.finish_reason, getattr(answer.usage, "completion_tokens", None)
            if not isinstance(text, str) or not isinstance(finish, str):
                raise TypeError("text and finish_reason must be strings")
            if tokens is not None and type(tokens) is not int:
                raise TypeError("usage.completion_tokens must be a whole number")
        except (AttributeError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{self.url} answered {request.task}, problem {request.id}, with something that is "
                f"no completion ({error}): {shown(answer)}; check that the server speaks the "
                "OpenAI protocol and that no proxy answers in its place"
            ) from error
        self.served_models.add(str(answer.model))
        if fingerprint := getattr(answer, "system_fingerprint", None):
            self.system_fingerprints.add(str(fingerprint))
        # vLLM names the stop text that it met and cut off.
        met = getattr(choice, "stop_reason", None)
        return GeneratedSample(
            id=request.id,
            sample=request.sample,
            seed=request.seed,
            prompt=request.text,
            response=text + met if met in self.job.stop else text,
            response_tokens=tokens,
            truncated=finish == "length",
            finish=finish,
        )

    def explain(self, error: Exception, what: str, timeout_s: float) -> EvaluationError:
        """A library error as one that says what to do."""
        said = shown(getattr(error, "body", None) or error)
        advice = "look into the server's log, then run the same command again"
        if isinstance(error, APITimeoutError):
            said = f"no answer within {timeout_s:g} s"
            advice = "see whether the server is busy; raise backend.timeout_s or lower "
            advice += "backend.concurrency"
        elif isinstance(error, APIConnectionError):
            said = f"no connection ({error.__cause__ or error})"
            advice = "start the server, or set backend.url to where it listens"
        elif isinstance(error, AuthenticationError | PermissionDeniedError):
            advice = "set backend.api_key_env to the environment variable with a valid key"
        elif isinstance(error, BadRequestError):
            advice = "the server refuses what the protocol asks for; change it or the server"
            if any(word in str(error).lower() for word in OVERFLOW):
                advice = (
                    "the prompt and a response of eval.max_tokens or eval.budgets.longest do not "
                    "fit into its context; lower eval.max_tokens or serve the model with a longer "
                    "one"
                )
        elif not isinstance(error, APIError):
            said = f"no JSON ({said})"
            advice = "check that backend.url is the base URL of an OpenAI-compatible server"
        status = f" with status {error.status_code}" if isinstance(error, APIStatusError) else ""
        return EvaluationError(f"{self.url} failed{status} at {what}: {said}; {advice}")

    def facts(self, how: Render) -> EngineFacts:
        """What was sent, and what the server says about itself."""
        sent = self.arguments() | {"max_tokens": self.job.max_tokens}
        sent |= {"seed": "one for each sample"}
        return EngineFacts(
            sampling=effective(self.job.sampling),
            engine_arguments=sent,
            loaded={"url": self.url, "server": self.server, "concurrency": self.job.concurrency},
            template="raw" if how == "raw" else "server",
            served_models=sorted(self.served_models),
            system_fingerprints=sorted(self.system_fingerprints),
        )


async def following(stream: AsyncGenerator[Drawn, None]) -> Drawn | None:
    """The next finished sample; None at the end."""
    return await anext(stream, None)


def api_key(job: Job) -> str:
    """The key from the environment; a server that needs none gets a word in its place."""
    if job.api_key_env is None:
        return "none"
    if not (key := os.environ.get(job.api_key_env)):
        raise EvaluationError(
            f"backend.api_key_env names {job.api_key_env}, which is not set; export the key under "
            "that name, or set backend.api_key_env=null for a server without keys"
        )
    return key


def chat_text(message: Any) -> str:
    """The answer; thoughts that the server has cut out of it are put back before it."""
    content = message.content
    thoughts = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    if not isinstance(thoughts, str):
        return content  # type: ignore[no-any-return]  # sample() checks that it is a string
    if content is None:
        return f"<think>\n{thoughts}"
    return f"<think>\n{thoughts}\n</think>\n{content}"


def shown(answer: Any) -> str:
    """The beginning of what a server said."""
    dump = getattr(answer, "model_dump_json", None)
    text = dump(warnings=False) if dump else str(answer)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
