"""The agent loop "reprise": one turn with verl's sampling, this project's stops, and a word on how
the response ended. verl's agent loop workers run it; importing this module registers it."""

from functools import cache
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, register
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from verl.utils.model import get_generation_config

from harness.verl.endings import Endings, end_tokens

TRUNCATED = "reprise_truncated"
"""Extra field of every response: did only the length limit end it?"""
MONITOR_LOOP = "reprise_monitor"
"""Name of the loop that answers monitor problems."""
STOP_REASON = "reprise_stop_reason"
"""Extra field of every response: `stop` or `length`."""


class _Listener:
    """Passes requests on and keeps the server's word, which verl's loop drops."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.stop_reason: str | None = None

    async def generate(self, *args: Any, **kwargs: Any) -> Any:
        """What the server answers."""
        output = await self.client.generate(*args, **kwargs)
        self.stop_reason = output.stop_reason
        return output


@register("reprise")
class AgentLoop(SingleTurnAgentLoop):  # type: ignore[misc]
    """One prompt, one response; used for training and for validation alike."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings, model = self.config.reprise, self.config.actor_rollout_ref.model
        self.stop = list(settings.stop)
        self.stop_token_ids = list(settings.stop_token_ids)
        ends = end_tokens(_generation_config(model.path, model.trust_remote_code), self.tokenizer)
        # Only the CPU engine knows this parameter, and draws the same for it in a repeated run.
        self.names_draws = self.config.actor_rollout_ref.rollout.get("name") == "hf_cpu"
        self.endings = Endings(tokens=ends.union(self.stop_token_ids), texts=self.stop)
        self.listener = _Listener(self.server_manager)
        self.server_manager: Any = self.listener

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """Sample one response.

        Raises:
            RuntimeError: the server gave the response up before it ended.
        """
        asked = {**sampling_params, **self._stops()}
        if self.names_draws:
            asked["session"] = kwargs["session_id"]
        output = await super().run(asked, **kwargs)
        reason = self._reason(output.response_ids)
        output.extra_fields |= {TRUNCATED: reason == "length", STOP_REASON: reason}
        return output

    def _stops(self) -> dict[str, Any]:
        """vLLM's names; verl hands them to vllm.SamplingParams as they are."""
        stops: dict[str, Any] = {}
        if self.stop_token_ids:
            stops["stop_token_ids"] = self.stop_token_ids
        if self.stop:
            stops["stop"] = self.stop
            stops["include_stop_str_in_output"] = True
            # The text that is searched is the text that the reward sees.
            stops["skip_special_tokens"] = False
        return stops

    def _reason(self, response: list[int]) -> str:
        said = self.listener.stop_reason
        if said in ("aborted", "abort"):
            raise RuntimeError("the rollout server aborted a response: it must not be trained on")
        if said in ("stop", "length"):
            return str(said)
        # verl's vLLM server says `completed` for both.
        return self.endings.reason(response, self.response_length, self.tokenizer.decode)


@register(MONITOR_LOOP)
class MonitorLoop(AgentLoop):
    """Responses that are not trained on, sampled as those that are: verl would take its settings
    for validation."""

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """Sample one response."""
        rollout = self.config.actor_rollout_ref.rollout
        as_in_training = {name: rollout[name] for name in ("temperature", "top_p", "top_k")}
        return await super().run({**sampling_params, **as_in_training}, **kwargs)


@cache
def _generation_config(path: str, trust_remote_code: bool) -> Any:
    """Read once a process: verl builds one loop a response."""
    return get_generation_config(path, trust_remote_code=trust_remote_code)
