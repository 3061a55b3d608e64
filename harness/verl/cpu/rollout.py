"""The hf_cpu rollout server: a Ray actor that batches requests into generation.generate.

Started by verl's LLMServerManager through CPUReplica; filled with weights by weights.WeightSender.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from torch import Tensor
from verl.utils.config import omega_conf_to_dataclass
from verl.utils.torch_dtypes import PrecisionType
from verl.workers.config import HFModelConfig
from verl.workers.rollout.replica import RolloutReplica, TokenOutput

from harness.verl.cpu.generation import Request, Response, generate
from harness.verl.cpu.threads import use_compute_threads
from harness.verl.endings import end_tokens

QUIET_S = 0.1
"""A batch starts when no request has come for this long."""
SESSION = "session"
"""Sampling parameter of this engine alone: number of the response in its group, from 0."""
LARGEST_GROUP = 2**20
"""More responses than a prompt ever gets."""


def server_name(replica_rank: int) -> str:
    """Name of the Ray actor of one replica."""
    return f"hf_cpu_server_{replica_rank}"


def load_weights(model: Any, state: Mapping[str, Tensor]) -> None:
    """Copy a full set of weights into the model; anything missing or unknown is an error."""
    result = model.load_state_dict(state, strict=False)
    missing = set(result.missing_keys) - set(model._tied_weights_keys or ())
    if missing or result.unexpected_keys:
        raise KeyError(
            f"weight sync: missing {sorted(missing)[:5]}, unknown {result.unexpected_keys[:5]}"
        )
    model.tie_weights()


class RolloutServer:
    """One model replica with the methods verl calls on a rollout server."""

    def __init__(self, config: Any, model_config: Any, replica_rank: int) -> None:
        from transformers import AutoModelForCausalLM

        use_compute_threads()
        self.config = omega_conf_to_dataclass(config)
        hf: Any = omega_conf_to_dataclass(model_config, dataclass_type=HFModelConfig)
        self.model = AutoModelForCausalLM.from_config(
            hf.hf_config,
            dtype=PrecisionType.to_dtype(self.config.dtype),
            attn_implementation="sdpa",
        ).eval()
        self.eos = end_tokens(hf.generation_config, hf.tokenizer)
        self.tokenizer = hf.tokenizer.backend_tokenizer
        self.pad = hf.tokenizer.pad_token_id or 0
        self.seed = self.config.seed + replica_rank
        self.steps: int | None = None
        self.asked: Counter[tuple[tuple[int, ...], int]] = Counter()
        self.waiting: asyncio.Queue[tuple[Request, asyncio.Future[Response]]] = asyncio.Queue()
        self.compute = ThreadPoolExecutor(1)  # one generation or weight load at a time
        self.loop_task: asyncio.Task[None] | None = None

    async def load_weights(self, state: Mapping[str, Tensor], global_steps: int | None) -> None:
        """Take over the trainer's weights after the given step."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.compute, load_weights, self.model, state)
        self.steps = global_steps
        self.asked.clear()

    async def generate(
        self,
        request_id: str,
        prompt_ids: Sequence[int],
        sampling_params: Mapping[str, Any],
        **_: Any,
    ) -> TokenOutput:
        """Queue one request and wait for its response."""
        request = self._request(tuple(prompt_ids), sampling_params)
        if self.loop_task is None:
            self.loop_task = asyncio.create_task(self._serve())
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait((request, future))
        response = await future
        return TokenOutput(
            token_ids=response.tokens,
            log_probs=response.log_probs,
            stop_reason="completed" if response.ended else "length",
            extra_fields={"global_steps": self.steps},
        )

    def _request(self, prompt: tuple[int, ...], params: Mapping[str, Any]) -> Request:
        # verl's request ids are random and requests arrive in any order, so the draw is named by
        # what stays the same in a repeated run: seed, step, prompt, the response's number in its
        # group, and how often that response was asked for.
        number = int(params.get(SESSION, 0))
        self.asked[prompt, number] += 1
        repeated = self.asked[prompt, number] - 1
        draw = 1 + number + repeated * LARGEST_GROUP
        name = repr((self.seed, self.steps, prompt, draw)).encode()
        return Request(
            prompt=prompt,
            max_tokens=int(params.get("max_tokens") or self.config.response_length),
            seed=int.from_bytes(hashlib.blake2b(name, digest_size=7).digest(), "little"),
            temperature=float(params["temperature"]),
            top_p=float(params["top_p"]),
            top_k=int(params["top_k"]),
            stop=tuple(params.get("stop") or ()),
            stop_token_ids=frozenset(params.get("stop_token_ids") or ()),
        )

    async def _serve(self) -> None:
        while True:
            batch = [await self.waiting.get()]
            while len(batch) < self.config.max_num_seqs:
                try:
                    batch.append(await asyncio.wait_for(self.waiting.get(), QUIET_S))
                except TimeoutError:
                    break
            await self._answer(batch)

    async def _answer(self, batch: list[tuple[Request, asyncio.Future[Response]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            responses = await loop.run_in_executor(self.compute, self._generate, batch)
        except Exception as error:  # every caller must hear of it, the server goes on
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), response in zip(batch, responses, strict=True):
            future.set_result(response)

    def _generate(self, batch: list[tuple[Request, Any]]) -> list[Response]:
        if self.steps is None:
            raise RuntimeError("the rollout server was asked before it received weights")
        requests = [request for request, _ in batch]
        return generate(self.model, requests, eos=self.eos, pad=self.pad, tokenizer=self.tokenizer)

    async def ready(self) -> str:
        """Answer once the model is built: the node's address."""
        return str(ray.util.get_node_ip_address())

    async def nothing(self, *_: Any, **__: Any) -> None:
        """For calls that manage GPU memory, a KV cache between calls, or a profiler."""

    wake_up = sleep = clear_kv_cache = release_kv_cache = resume_kv_cache = nothing
    abort_all_requests = resume_generation = start_profile = stop_profile = nothing


def _node(_: Any) -> str:
    return str(ray.get_runtime_context().get_node_id())


class CPUReplica(RolloutReplica):  # type: ignore[misc]
    """Starts one RolloutServer actor for one training process."""

    async def launch_servers(self) -> None:
        """Start the actor on the node of its training process and wait for it."""
        node = await self.workers[0].__ray_call__.remote(_node)
        server = (
            ray.remote(RolloutServer)
            .options(
                name=server_name(self.replica_rank),
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
                num_cpus=0,
                max_concurrency=self.max_concurrency,
            )
            .remote(self.config, self.model_config, self.replica_rank)
        )
        address = await server.ready.remote()
        self.servers = [server]
        self._server_handle = server
        # The router wants a distinct name; there is no HTTP port behind it.
        self._server_address = f"{address}:{self.replica_rank}"
