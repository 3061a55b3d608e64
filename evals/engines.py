"""lm-eval's model classes, made to return token ids; imported by evals/generate.py where it starts.

lm-eval answers with text: special tokens are stripped, and the text is cut at stop strings. Rewards
look at both (an answer before the end token, a newline after it), so the two subclasses return
each response as a JSON list of its token ids, and leave stopping to the end-token ids.
"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import GenerationConfig

from evals.job import Job, JobModel

NOT_SAMPLING = {
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "transformers_version",
    "_from_model_config",
}


def shipped_sampling(config: GenerationConfig) -> dict[str, Any]:
    """Settings of a model's generation_config.json that would change what is sampled."""
    settings = config.to_diff_dict()
    return {key: value for key, value in settings.items() if key not in NOT_SAMPLING}


class TokenHFLM(HFLM):  # type: ignore[misc]
    """HFLM that returns token ids and samples with nothing but the arguments of the job."""

    def __init__(self, job: Job, model: JobModel, stop_token_ids: list[int]) -> None:
        super().__init__(
            pretrained=model.path,
            revision=model.revision or "main",
            backend="causal",
            device=job.device,
            dtype=job.dtype,
            batch_size=job.batch_size,
            add_bos_token=False,
            trust_remote_code=job.trust_remote_code,
        )
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
        # Stop strings decode the whole batch at every step, and would also match text that only
        # looks like an end token; the end-token ids in generation_config are enough.
        self.received = {k: v for k, v in arguments.items() if k != "attention_mask"}
        tokens: torch.Tensor = super()._model_generate(context, max_length, [], **arguments)
        return tokens

    def draw(self, prompts: Sequence[str], arguments: dict[str, Any], seed: int) -> list[str]:
        """One batch; the seed covers the batch."""
        torch.manual_seed(seed)
        requests = [instance(prompt, index, arguments) for index, prompt in enumerate(prompts)]
        answers: list[str] = self.generate_until(requests, disable_tqdm=True)
        return answers


def instance(prompt: str, index: int, arguments: dict[str, Any]) -> Instance:
    """One lm-eval request."""
    return Instance(
        request_type="generate_until", doc={}, arguments=(prompt, dict(arguments)), idx=index
    )


def hf_arguments(job: Job) -> dict[str, Any]:
    """Generation arguments for HFLM, with every filter spelled out."""
    if job.sampling.temperature == 0:
        return {"do_sample": False, "temperature": 0.0, "max_gen_toks": job.max_tokens}
    return {
        "do_sample": True,
        "temperature": job.sampling.temperature,
        "top_p": job.sampling.top_p,
        "top_k": max(job.sampling.top_k, 0),
        "max_gen_toks": job.max_tokens,
    }


def vllm_arguments(job: Job) -> dict[str, Any]:
    """Generation arguments for VLLM, which hands them to SamplingParams."""
    return {
        "do_sample": job.sampling.temperature > 0,
        "temperature": job.sampling.temperature,
        "top_p": job.sampling.top_p,
        "top_k": job.sampling.top_k,
        "repetition_penalty": 1.0,
        "max_gen_toks": job.max_tokens,
    }


def load_vllm(job: Job, model: JobModel, longest: int) -> Any:
    """lm-eval's VLLM with token ids as answers; a function because vllm is an optional install."""
    from lm_eval.models.vllm_causallms import VLLM

    class TokenVLLM(VLLM):  # type: ignore[misc]
        received: dict[str, Any]

        @staticmethod
        def modify_gen_kwargs(
            gen_kwargs: dict[str, Any],
            eos: str | list[str] | None = None,
            default_max_gen_toks: int = 256,
        ) -> tuple[dict[str, Any], list[str], int]:
            arguments, _, limit = VLLM.modify_gen_kwargs(gen_kwargs, eos, default_max_gen_toks)
            return arguments | {"detokenize": False}, [], limit

        def _model_generate(self, requests: Any, generate: bool = False, **more: Any) -> Any:
            outputs = super()._model_generate(requests, generate, **more)
            for output in outputs:
                output.outputs[0].text = json.dumps(list(output.outputs[0].token_ids))
            return outputs

        def draw(self, prompts: Sequence[str], arguments: dict[str, Any], seed: int) -> list[str]:
            """One batch; each request has its own seed."""
            self.received = dict(arguments)
            greedy = arguments["temperature"] == 0
            requests = [
                instance(prompt, index, arguments | ({} if greedy else {"seed": seed + index}))
                for index, prompt in enumerate(prompts)
            ]
            answers: list[str] = self.generate_until(requests, disable_tqdm=True)
            return answers

    return TokenVLLM(
        pretrained=model.path,
        revision=model.revision,
        dtype=job.dtype,
        seed=job.seed,
        batch_size=job.batch_size,
        tensor_parallel_size=job.tensor_parallel,
        gpu_memory_utilization=job.memory_fraction,
        max_model_len=longest + job.max_tokens,
        add_bos_token=False,
        trust_remote_code=job.trust_remote_code,
    )
