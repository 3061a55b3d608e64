"""Monitor passes without Ray: what is asked for, what comes back, and that nothing is left."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402
from transfer_queue import KVBatchMeta  # noqa: E402
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop  # noqa: E402

from harness.verl.plugins import monitor, storage  # noqa: E402
from harness.verl.plugins.agent_loop import AgentLoop, MonitorLoop  # noqa: E402
from harness.verl.plugins.monitor import MonitorProblems, is_due  # noqa: E402
from tests.verl.plugins.storage import row  # noqa: E402

TOKENIZER = SimpleNamespace(decode=lambda ids: " ".join(map(str, ids)))
PROBLEMS = [
    {"raw_prompt": [{"role": "user", "content": f"p{n}"}], "index": n, "dummy": torch.zeros(1)}
    for n in range(2)
]


class Stack:
    """Agent loops, replay buffer and storage: every prompt is answered with rising lengths."""

    def __init__(self) -> None:
        self.asked: Any = None
        self.tags: list[dict[str, Any]] = []
        self.left: dict[str, Any] = {}

    def put(self, keys: list[str], partition_id: str, tags: list[dict[str, Any]]) -> None:
        assert partition_id == "val"
        self.tags = tags

    def generate_sequences(self, prompts: Any) -> None:
        self.asked = prompts
        for place, uid in enumerate(prompts["uid"]):
            for number in range(int(prompts["__rollout_n__"][place])):
                key = f"{uid}_{number}_0"
                self.left[key] = row(3 * place + number + 1, 1.0, correct=True, truncated=False)

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> Any:
        assert (global_steps, partition_id, batch_size) == (5, "val", 2)
        keys = list(self.left)
        return KVBatchMeta(partition_id="val", keys=keys, tags=[{} for _ in keys]), {}

    def read(self, keys: list[str], partition: str, *fields: str) -> dict[str, list[Any]]:
        assert partition == "val"
        return {field: [self.left[key][field] for key in keys] for field in fields}

    def clear(self, keys: list[str], partition: str) -> None:
        assert partition == "val"
        for key in keys:
            del self.left[key]


def test_a_pass_asks_every_problem_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, read = Stack(), []

    def dataset(file: str, data: Any, *_: Any, is_train: bool) -> Any:
        read.append((file, data.max_prompt_length, is_train))
        return PROBLEMS

    monkeypatch.setattr(monitor, "create_rl_dataset", dataset)
    monkeypatch.setattr(monitor, "kv_batch_put", stack.put)
    monkeypatch.setattr(storage, "read", stack.read)
    monkeypatch.setattr(storage, "clear", stack.clear)
    ours = {"monitor": {"file": "monitor.parquet", "every": 4, "samples": 3}}
    settings = OmegaConf.create({"reprise": ours, "data": {"max_prompt_length": 9}})
    groups = MonitorProblems(settings, TOKENIZER, None).sample(stack, stack, 5)
    assert read == [("monitor.parquet", 9, False)]
    assert [[one.sample.response_tokens for one in group] for group in groups] == [
        [1, 2, 3],
        [4, 5, 6],
    ]
    assert stack.left == {}
    assert stack.asked["validate"] and stack.asked["global_steps"] == 5
    assert stack.asked["agent_name"] == "reprise_monitor"
    assert [tag["status"] for tag in stack.tags] == ["pending"] * 2


def test_a_pass_comes_before_the_step_after_every_so_many() -> None:
    assert [step for step in range(1, 12) if is_due(step, 4)] == [5, 9]
    assert [step for step in range(1, 5) if is_due(step, 1)] == [2, 3, 4]


@pytest.mark.parametrize(
    ("loop", "sampled"), [(AgentLoop, (0.0, 1.0, -1)), (MonitorLoop, (0.7, 0.9, 50))]
)
def test_monitor_problems_are_sampled_as_in_training(
    loop: Any, sampled: tuple[float, float, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """verl hands its validation's settings over with everything outside the training partition."""
    seen: dict[str, Any] = {}

    async def verls(self: Any, sampling_params: dict[str, Any], **_: Any) -> Any:
        seen.update(sampling_params)
        return SimpleNamespace(response_ids=[1], extra_fields={})

    monkeypatch.setattr(SingleTurnAgentLoop, "run", verls)
    made = loop.__new__(loop)
    rollout = {"temperature": 0.7, "top_p": 0.9, "top_k": 50}
    made.config = OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}})
    made.names_draws = False
    made.stop, made.stop_token_ids, made.listener = [], [], SimpleNamespace(stop_reason="stop")
    validation = {"temperature": 0.0, "top_p": 1.0, "top_k": -1, "logprobs": True}
    asyncio.run(made.run(validation))
    assert (seen["temperature"], seen["top_p"], seen["top_k"]) == sampled
    assert seen["logprobs"] is True
