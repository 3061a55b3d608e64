"""vLLM in this process, stepped by hand: every request is in flight at once, and a sample reaches
the disk in the step that finishes it."""

import json
import sys
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from evals.backends import Render, Request, RequestKey
from evals.backends.local import LocalModel
from evals.job import EngineFacts, GeneratedSample, Job, JobModel, effective
from harness.errors import EvaluationError
from harness.spec import Sampling

READ_BACK = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
    "frequency_penalty", "max_tokens", "min_tokens", "stop", "stop_token_ids", "ignore_eos",
)  # fmt: skip


RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Sizes of adapters that vLLM makes room for."""


def served_rank(adapter: str) -> int:
    """The smallest of these sizes into which an adapter fits; of one on the hub all fit.

    Raises:
        EvaluationError: its rank is larger than vLLM can serve.
    """
    config = Path(adapter) / "adapter_config.json"
    rank = int(json.loads(config.read_text())["r"]) if config.is_file() else RANKS[-1]
    if rank > RANKS[-1]:
        raise EvaluationError(
            f"{adapter} has rank {rank}, and vLLM serves at most {RANKS[-1]}: measure the merged "
            "model (model/ of the run), or set backend=hf"
        )
    return next(size for size in RANKS if size >= rank)


class VLLMEngine(LocalModel):
    """One copy of the model; each request has its own seed."""

    def __init__(self, job: Job, model: JobModel) -> None:
        super().__init__(job, model)
        self.received: dict[str, Any] = {}
        self.loaded: dict[str, Any] = {}

    def arguments(self) -> dict[str, Any]:
        """Engine arguments that do not depend on the requests."""
        job, model = self.job, self.model
        common = {
            "model": model.path,
            "revision": model.revision,
            "tokenizer_revision": model.revision,
            "trust_remote_code": job.trust_remote_code,
            "dtype": job.dtype,
            "seed": job.seed,
            # The model's own generation_config.json would add filters and penalties.
            "generation_config": "vllm",
            "tensor_parallel_size": job.tensor_parallel,
            "gpu_memory_utilization": job.memory_fraction,
            "enable_prefix_caching": True,
            "disable_log_stats": True,
        }
        if model.adapter:
            common |= {"enable_lora": True, "max_lora_rank": served_rank(model.adapter)}
        if job.device == "cuda":
            return common
        # On a CPU, seeds for single requests and prefill in chunks do not go together: the engine
        # dies with "CPU Generator does not use offset". Compilation takes minutes there.
        return common | {"enforce_eager": True, "enable_chunked_prefill": False}

    @property
    def max_length(self) -> int | None:
        """Longest sequence that vLLM derives from the model's configuration."""
        try:
            from vllm import EngineArgs
        except ImportError as error:
            raise EvaluationError(
                f"{sys.executable} cannot import vllm ({error}); set backend.python to the "
                "interpreter of an environment that has it, or backend=hf"
            ) from error

        found: int = EngineArgs(**self.arguments()).create_model_config().max_model_len
        return found

    def parameters(self, request: Request) -> Any:
        """SamplingParams of one request."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = effective(self.job.sampling)
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=None if sampling.temperature == 0 else request.seed,
            max_tokens=request.max_tokens,
            stop=self.job.stop,
            stop_token_ids=self.stop_token_ids,
            include_stop_str_in_output=True,
            skip_special_tokens=False,
            detokenize=bool(self.job.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def adapter(self) -> Any:
        """vLLM's name for the adapter of every request; null without one."""
        if self.model.adapter is None:
            return None
        from vllm.lora.request import LoRARequest

        return LoRARequest("adapter", 1, self.model.adapter)

    def load(self, longest: int) -> Any:
        """The engine, for sequences of up to `longest` tokens."""
        from vllm import EngineArgs, LLMEngine
        from vllm.usage.usage_lib import UsageContext

        arguments = self.arguments() | {"max_model_len": longest}
        if self.job.device == "cpu":
            arguments["max_num_batched_tokens"] = max(4096, longest)
        # The batch sizes of LLM.generate; an engine of its own gets smaller ones.
        engine = LLMEngine.from_engine_args(
            EngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS
        )
        config = engine.vllm_config
        self.loaded = {
            "max_model_len": config.model_config.max_model_len,
            "max_num_seqs": config.scheduler_config.max_num_seqs,
            "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
            "prefix_caching": bool(config.cache_config.enable_prefix_caching),
            "cache_dtype": str(config.cache_config.cache_dtype),
            "tensor_parallel": config.parallel_config.tensor_parallel_size,
            "quantization": config.model_config.quantization,
            "enforce_eager": config.model_config.enforce_eager,
            "dtype": str(config.model_config.dtype).removeprefix("torch."),
        }
        return engine

    def draw(
        self, requests: Sequence[Request], missing: AbstractSet[RequestKey]
    ) -> Iterator[tuple[Request, GeneratedSample]]:
        """All missing requests together, in the order in which they finish."""
        wanted = [request for request in requests if request.key in missing]
        engine = self.load(max(request.tokens + request.max_tokens for request in requests))
        encoded = self.encode([request.text for request in wanted])
        adapter = self.adapter()
        for index, (request, tokens) in enumerate(zip(wanted, encoded, strict=True)):
            parameters = self.parameters(request)
            engine.add_request(
                str(index), {"prompt_token_ids": tokens}, parameters, lora_request=adapter
            )
            self.received = {name: getattr(parameters, name) for name in READ_BACK}
        while engine.has_unfinished_requests():
            for output in engine.step():
                if output.finished:
                    request = wanted[int(output.request_id)]
                    tokens = list(output.outputs[0].token_ids)
                    yield request, self.finished(request, tokens, request.seed)

    def facts(self, how: Render) -> EngineFacts:
        """Read back from SamplingParams and from the engine's resolved configuration."""
        import torch

        received = self.received
        return EngineFacts(
            sampling=effective(
                Sampling(**{name: received[name] for name in ("temperature", "top_p", "top_k")})
            ),
            engine_arguments=received,
            loaded={key: value for key, value in self.loaded.items() if key != "dtype"},
            stop_token_ids=self.stop_token_ids,
            ignored_generation_config=self.shipped,
            template=self.template(how),
            dtype=self.loaded["dtype"],
            threads=torch.get_num_threads(),
        )
