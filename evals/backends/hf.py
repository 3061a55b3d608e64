"""Hugging Face generation through lm-eval's HFLM, made to return token ids; for CPUs, and for
models that vLLM does not know.

lm-eval answers with text: special tokens are stripped and the text is cut at stop texts. The
subclass returns each response as a JSON list of its token ids instead.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoConfig, GenerationConfig, StoppingCriteria, StoppingCriteriaList

from evals.backends import Render, Request, RequestKey
from evals.backends.local import LocalModel
from evals.job import EngineFacts, GeneratedSample, Job, JobModel
from harness.spec import Sampling


class StopTexts(StoppingCriteria):  # type: ignore[misc]
    """Ends each row whose newest text holds a stop text; only the tail is decoded at each step."""

    def __init__(self, tokenizer: Any, stops: Sequence[str], prompt_tokens: int) -> None:
        self.tokenizer, self.stops, self.prompt_tokens = tokenizer, stops, prompt_tokens
        # A token is at least one byte; the margin covers a character cut by the window's start.
        self.window = max(len(stop.encode()) for stop in stops) + 4

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        start = max(self.prompt_tokens, input_ids.shape[1] - self.window)
        tails = self.tokenizer.batch_decode(input_ids[:, start:], skip_special_tokens=False)
        ended = [any(stop in tail for stop in self.stops) for tail in tails]
        return torch.tensor(ended, device=input_ids.device)


class TokenHFLM(HFLM):  # type: ignore[misc]
    """HFLM that returns token ids and samples with nothing but the arguments of the job."""

    def __init__(self, job: Job, model: JobModel, stop_token_ids: list[int], longest: int) -> None:
        super().__init__(
            pretrained=model.path,
            peft=model.adapter,
            revision=model.revision or "main",
            backend="causal",
            device=job.device,
            dtype=job.dtype,
            batch_size=job.batch_size,
            max_length=longest,
            add_bos_token=False,
            trust_remote_code=job.trust_remote_code,
        )
        self.stop = job.stop
        self.received: dict[str, Any] = {}
        # transformers fills whatever generate() is not told from here: repetition penalties and
        # top_k of instruct models would silently join the protocol.
        self.model.generation_config = GenerationConfig(
            eos_token_id=stop_token_ids, pad_token_id=self.tokenizer.pad_token_id
        )

    def tok_decode(self, tokens: Any, skip_special_tokens: bool = True) -> str:
        """A response as JSON token ids; a single token (lm-eval asks for the end token) as text."""
        if isinstance(tokens, list):
            return json.dumps(tokens)
        return str(super().tok_decode(tokens, skip_special_tokens=skip_special_tokens))

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **arguments: Any
    ) -> torch.Tensor:
        # lm-eval's `stop` adds the end token as text, which would match text that only looks like
        # it, and ends a batch only when every row has met the same text.
        if not arguments["do_sample"]:
            arguments.pop("temperature", None)
        self.received = {k: v for k, v in arguments.items() if k != "attention_mask"}
        criteria = [StopTexts(self.tokenizer, self.stop, context.shape[1])] if self.stop else []
        tokens: torch.Tensor = self.model.generate(
            input_ids=context,
            max_length=max_length,
            stopping_criteria=StoppingCriteriaList(criteria),
            pad_token_id=self.tokenizer.pad_token_id,
            use_cache=True,
            **arguments,
        )
        return tokens

    def draw(self, texts: Sequence[str], arguments: dict[str, Any], seed: int) -> list[list[int]]:
        """Token ids of one batch, padding included; the seed covers the batch."""
        torch.manual_seed(seed)
        requests = [
            Instance(
                request_type="generate_until", doc={}, arguments=(text, dict(arguments)), idx=index
            )
            for index, text in enumerate(texts)
        ]
        return [json.loads(answer) for answer in self.generate_until(requests, disable_tqdm=True)]


class HFEngine(LocalModel):
    """Batches of equal size, seeded as a whole.

    Batches are cut from all requests of a task, not from the missing ones: an attempt after a kill
    repeats the interrupted batch and gives the same samples as an uninterrupted run.
    """

    def __init__(self, job: Job, model: JobModel) -> None:
        super().__init__(job, model)
        if job.threads:
            torch.set_num_threads(job.threads)
        self.config = AutoConfig.from_pretrained(model.path, **self.where)
        self.engine: TokenHFLM | None = None

    @property
    def max_length(self) -> int | None:
        """Positions that the model was made for."""
        found: int | None = getattr(self.config.get_text_config(), "max_position_embeddings", None)
        return found

    def arguments(self, max_tokens: int) -> dict[str, Any]:
        """Generation arguments, with every filter spelled out."""
        sampling, limit = self.job.sampling, {"max_gen_toks": max_tokens}
        if sampling.temperature == 0:
            return {"do_sample": False, "temperature": 0.0, **limit}
        filters = {"top_p": sampling.top_p, "top_k": max(sampling.top_k, 0)}
        return {"do_sample": True, "temperature": sampling.temperature, **filters, **limit}

    def draw(
        self, requests: Sequence[Request], missing: AbstractSet[RequestKey]
    ) -> Iterator[tuple[Request, GeneratedSample]]:
        """Every batch that holds a missing request."""
        longest = max(request.tokens + request.max_tokens for request in requests)
        self.engine = TokenHFLM(self.job, self.model, self.stop_token_ids, longest)
        for _, of_task in itertools.groupby(requests, key=lambda request: request.task):
            for batch in batches(list(of_task), self.job.batch_size):
                if not any(request.key in missing for request in batch):
                    continue
                seed = batch_seed(batch[0], self.job.batch_size)
                texts = [request.text for request in batch]
                answers = self.engine.draw(texts, self.arguments(batch[0].max_tokens), seed)
                for request, tokens in zip(batch, answers, strict=True):
                    if request.key in missing:
                        yield request, self.finished(request, tokens, seed)

    def facts(self, how: Render) -> EngineFacts:
        """Read back from generate()'s arguments and from the loaded model."""
        assert self.engine is not None
        received = self.engine.received
        sampling = Sampling(temperature=0.0)
        if received["do_sample"]:
            sampling = Sampling(
                temperature=received["temperature"],
                top_p=received["top_p"],
                top_k=received["top_k"] or -1,
            )
        return EngineFacts(
            sampling=sampling,
            engine_arguments=received,
            loaded={
                "device": str(self.engine.device),
                "batch_size": self.job.batch_size,
                "attention": self.engine.model.config._attn_implementation,
            },
            stop_token_ids=self.stop_token_ids,
            ignored_generation_config=self.shipped,
            template=self.template(how),
            dtype=str(self.engine.model.dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
        )


def batches(requests: Sequence[Request], size: int) -> Iterator[Sequence[Request]]:
    """Consecutive pieces of a sequence."""
    return (requests[start : start + size] for start in range(0, len(requests), size))


def batch_seed(first: Request, size: int) -> int:
    """Seed of a batch: differs between batches, and between batches of different size."""
    text = f"{first.seed}/{size}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31
