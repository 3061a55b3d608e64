"""The agent loop without Ray: what the server is asked, and the word on how a response ended."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("verl")

from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import (
    DictConfigWrap,
    _agent_loop_registry,
)
from verl.workers.rollout.replica import TokenOutput

from harness.verl.plugins import agent_loop

END, STOP_ID, LIMIT = 2, 7, 3
TEXTS = {2: "<end>", 4: "</ans", 5: "wer>", 6: "x", 7: "user"}


class Tokenizer:
    """Spells tokens by a table; every prompt is token 1."""

    eos_token_id = END

    def decode(self, ids: list[int]) -> str:
        return "".join(TEXTS[i] for i in ids)

    def apply_chat_template(self, *_: Any, **__: Any) -> list[int]:
        return [1]


class Server:
    """Answers one response, and keeps what it was asked."""

    def __init__(self, response: list[int], stop_reason: str) -> None:
        self.response, self.stop_reason = response, stop_reason
        self.asked: dict[str, Any] = {}

    async def generate(self, **asked: Any) -> TokenOutput:
        self.asked = asked
        return TokenOutput(
            token_ids=self.response,
            log_probs=[0.0] * len(self.response),
            stop_reason=self.stop_reason,
            extra_fields={"global_steps": 1},
        )


def loop_of(server: Server, engine: str = "vllm", **stops: Any) -> Any:
    reprise = {"stop": [], "stop_token_ids": [], **stops}
    config = OmegaConf.create(
        {
            "reprise": reprise,
            "actor_rollout_ref": {
                "model": {"path": "m", "trust_remote_code": False},
                "rollout": {"name": engine, "prompt_length": 4, "response_length": LIMIT},
            },
        }
    )
    return agent_loop.AgentLoop(
        trainer_config=DictConfigWrap(config),
        server_manager=server,
        tokenizer=Tokenizer(),
        processor=None,
        dataset_cls=None,
        data_config=DictConfigWrap(OmegaConf.create({})),
    )


@pytest.fixture(autouse=True)
def no_generation_config(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(eos_token_id=[END])
    monkeypatch.setattr(agent_loop, "_generation_config", lambda *_: config)


def ask(server: Server, **stops: Any) -> Any:
    loop = loop_of(server, **stops)
    sampling = {"temperature": 0.5, "logprobs": True}
    message = [{"role": "user", "content": "?"}]
    return loop.loop.run_until_complete(loop.run(sampling, raw_prompt=message))


def test_it_is_registered_under_its_name() -> None:
    assert _agent_loop_registry["reprise"] == {
        "_target_": "harness.verl.plugins.agent_loop.AgentLoop"
    }


def test_stops_join_verls_sampling_parameters() -> None:
    server = Server([6, END], "completed")
    ask(server, stop=["</answer>"], stop_token_ids=[STOP_ID])
    assert server.asked["sampling_params"] == {
        "temperature": 0.5,
        "logprobs": True,
        "stop": ["</answer>"],
        "stop_token_ids": [STOP_ID],
        "include_stop_str_in_output": True,
        "skip_special_tokens": False,
    }
    assert type(server.asked["sampling_params"]["stop"]) is list


@pytest.mark.parametrize(("engine", "named"), [("hf_cpu", True), ("vllm", False)])
def test_the_cpu_engine_is_told_which_response_of_the_group_it_is(engine: str, named: bool) -> None:
    server = Server([6, END], "completed")
    loop = loop_of(server, engine=engine)
    message = [{"role": "user", "content": "?"}]
    running = loop.run({"temperature": 0.5}, raw_prompt=message, session_id=3)
    loop.loop.run_until_complete(running)
    expected = {"temperature": 0.5, "session": 3} if named else {"temperature": 0.5}
    assert server.asked["sampling_params"] == expected


def test_nothing_is_added_without_stops() -> None:
    server = Server([6, END], "completed")
    output = ask(server)
    assert server.asked["sampling_params"] == {"temperature": 0.5, "logprobs": True}
    assert output.response_ids == [6, END] and output.response_mask == [1, 1]


@pytest.mark.parametrize(
    ("response", "said", "reason"),
    [
        ([6, END], "completed", "stop"),
        ([6, 6, END], "completed", "stop"),
        ([6, 6, STOP_ID], "completed", "stop"),
        ([6, 4, 5], "completed", "stop"),  # a stop text over two tokens, at the limit
        ([4, 5], "completed", "stop"),
        ([6, 5, 4], "completed", "length"),
        ([6, 6, 6], "completed", "length"),
        ([END, 6, 6], "completed", "length"),
        ([6, 4, 5], "length", "length"),  # the server knows better
        ([6, 6, 6], "stop", "stop"),
    ],
)
def test_how_a_response_ended(response: list[int], said: str, reason: str) -> None:
    output = ask(Server(response, said), stop=["</answer>"], stop_token_ids=[STOP_ID])
    assert output.response_ids == response
    assert output.extra_fields["reprise_stop_reason"] == reason
    assert output.extra_fields["reprise_truncated"] is (reason == "length")
    assert output.extra_fields["global_steps"] == 1


def test_an_aborted_response_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="aborted"):
        ask(Server([6], "aborted"))


def test_all_end_tokens_count() -> None:
    from harness.verl.endings import end_tokens

    tokenizer = SimpleNamespace(eos_token_id=1)
    assert end_tokens(None, tokenizer) == {1}
    assert end_tokens(SimpleNamespace(eos_token_id=None), tokenizer) == {1}
    assert end_tokens(SimpleNamespace(eos_token_id=[2, 3]), tokenizer) == {1, 2, 3}
    assert end_tokens(SimpleNamespace(eos_token_id=2), SimpleNamespace(eos_token_id=None)) == {2}
