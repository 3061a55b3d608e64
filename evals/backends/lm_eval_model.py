"""Any model class of lm-eval by name (local-completions, anthropic-chat, gguf, ...); answers with
text only, so lengths and truncation stay unknown.

lm-eval's API classes send one fixed seed with every request, which makes all samples of a problem
identical; here each request carries its own.
"""

import hashlib
import inspect
import itertools
import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model, model_registry
from lm_eval.models.api_models import TemplateAPI

from evals.backends import Render, Request, RequestKey
from evals.backends.local import raw_text
from evals.job import EngineFacts, GeneratedSample, Job, JobModel, Prompt, effective
from harness.errors import EvaluationError

Drawn = tuple[Request, GeneratedSample]


class LMEvalEngine:
    """One lm-eval model; API classes get one request at a time from several threads."""

    def __init__(self, job: Job, model: JobModel) -> None:
        self.job, self.model = job, model
        if job.api_key_env:
            os.environ["OPENAI_API_KEY"] = os.environ.get(job.api_key_env, "")
        kind = model_class(job.lm_eval_model)
        size = 1 if issubclass(kind, TemplateAPI) else job.batch_size
        machine = {"device": job.device, "batch_size": size}
        self.given = machine | named_model(kind, model) | job.lm_eval_arguments
        try:
            self.lm: Any = kind.create_from_arg_obj(self.given)
        except Exception as error:  # whatever the class raises about its arguments
            raise EvaluationError(
                f"lm-eval's {job.lm_eval_model} does not start with {self.given}: "
                f"{type(error).__name__}: {error}; set backend.arguments to what the class takes"
            ) from error
        self.api = isinstance(self.lm, TemplateAPI)
        self.chats: dict[str, Any] = {}

    @property
    def max_length(self) -> int | None:
        """The class's limit, where it counts tokens itself and would cut prompts silently."""
        if self.api and not self.lm.tokenized_requests:
            return None
        found = getattr(self.lm, "max_length", None)
        return found if isinstance(found, int) and hasattr(self.lm, "tok_encode") else None

    def render(self, prompt: Prompt, how: Render) -> str:
        """The text, by the class's own chat template when it is a chat."""
        if how == "raw":
            return raw_text(prompt)
        try:
            chat = self.lm.apply_chat_template(prompt.messages)
        except Exception as error:  # the class's own, or its template's
            raise EvaluationError(
                f"lm-eval's {self.job.lm_eval_model} cannot show prompt {prompt.id} as a chat: "
                f"{type(error).__name__}: {error}; use render=raw"
            ) from error
        text = chat if isinstance(chat, str) else chat.prompt
        self.chats[text] = chat
        return str(text)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens where the class has a tokenizer, 0 where the server has it."""
        if self.max_length is None:
            return [0] * len(texts)
        return [len(self.lm.tok_encode(text)) for text in texts]

    def arguments(self, request: Request) -> dict[str, Any]:
        """Generation arguments of one request."""
        sampling = effective(self.job.sampling)
        found: dict[str, Any] = {
            "until": list(self.job.stop),
            "max_gen_toks": request.max_tokens,
            "do_sample": sampling.temperature > 0,
            "temperature": sampling.temperature,
        }
        if sampling.temperature > 0:
            found["top_p"] = sampling.top_p
            if sampling.top_k > 0:
                found["top_k"] = sampling.top_k
        return found | ({"seed": request.seed} if self.api else {})

    def ask(self, requests: Sequence[Request]) -> list[str]:
        """The answers of some requests, in one call of lm-eval."""
        instances = [
            Instance(
                request_type="generate_until",
                doc={},
                arguments=(self.chats.get(request.text, request.text), self.arguments(request)),
                idx=index,
            )
            for index, request in enumerate(requests)
        ]
        try:
            answers: list[str] = self.lm.generate_until(instances, disable_tqdm=True)
        except Exception as error:  # requests', tenacity's, the server's
            first = requests[0]
            raise EvaluationError(
                f"lm-eval's {self.job.lm_eval_model} failed at {first.task}, problem {first.id}: "
                f"{type(error).__name__}: {error}; check backend.arguments and the server's log"
            ) from error
        return answers

    def draw(
        self, requests: Sequence[Request], missing: AbstractSet[RequestKey]
    ) -> Iterator[Drawn]:
        """Single requests with their own seeds for an API, seeded batches for everything else."""
        wanted = [request for request in requests if request.key in missing]
        if self.api:
            yield from self._draw_single(wanted)
            return
        import torch

        for start in range(0, len(wanted), self.job.batch_size):
            batch = wanted[start : start + self.job.batch_size]
            text = f"{batch[0].seed}/{self.job.batch_size}"
            torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big"))
            for request, answer in zip(batch, self.ask(batch), strict=True):
                yield request, self.sample(request, answer, None)

    def _draw_single(self, wanted: Sequence[Request]) -> Iterator[Drawn]:
        """Keeps `concurrency` requests in flight; a failure ends it after what came with it."""
        waiting = iter(wanted)
        with ThreadPoolExecutor(self.job.concurrency) as pool:
            running: dict[Future[list[str]], Request] = {}
            while True:
                for request in itertools.islice(waiting, self.job.concurrency - len(running)):
                    running[pool.submit(self.ask, [request])] = request
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda future: future.exception() is not None):
                    request = running.pop(future)
                    yield request, self.sample(request, future.result()[0], request.seed)

    def sample(self, request: Request, answer: str, seed: int | None) -> GeneratedSample:
        """A sample with nothing but its text."""
        return GeneratedSample(
            id=request.id,
            sample=request.sample,
            seed=seed,
            prompt=request.text,
            response=answer,
            response_tokens=None,
            truncated=None,
            finish=None,
        )

    def facts(self, how: Render) -> EngineFacts:
        """What lm-eval was given; it reports nothing back."""
        common = self.arguments(
            Request(
                task="",
                id="",
                sample=0,
                seed=0,
                text="",
                render=how,
                tokens=0,
                max_tokens=self.job.max_tokens,
            )
        )
        seed = {"seed": "one for each sample" if self.api else "one for each batch"}
        return EngineFacts(
            sampling=effective(self.job.sampling),
            engine_arguments=common | seed,
            loaded={"class": self.job.lm_eval_model, "arguments": self.given},
            template="raw" if how == "raw" else "lm_eval",
        )


def model_class(name: str | None) -> Any:
    """lm-eval's class of that name."""
    try:
        return get_model(name or "")
    except (KeyError, ValueError) as error:
        raise EvaluationError(
            f"lm-eval has no model class {name!r}; set backend.model to one of "
            f"{', '.join(sorted(model_registry))}"
        ) from error
    except ImportError as error:
        raise EvaluationError(
            f"lm-eval's {name} needs a package that is not installed ({error}); install it, or "
            "set backend.python to an interpreter that has it"
        ) from error


def named_model(kind: Any, model: JobModel) -> dict[str, str]:
    """The model's path under the name that the class has for it."""
    names = {name for base in kind.__mro__ for name in inspect.signature(base.__init__).parameters}
    key = next((name for name in ("pretrained", "model") if name in names), None)
    return {key: model.path} if key else {}
