"""The reward manager without Ray: what a scoring function sees, and what verl and the log get."""

import json
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402

from harness.rewards import Sample, Score  # noqa: E402
from harness.verl.process import _failure  # noqa: E402
from harness.verl.reward_manager import RewardFailed  # noqa: E402

WORDS = ["<pad>", "<s>", "</s>", "what", "is", "2", "4"]
LIMIT = 3


class Tokenizer:
    eos_token_id = 2

    def decode(self, ids: list[int]) -> str:
        return " ".join(WORDS[i] for i in ids)


def row(prompt: list[int], response: list[int], **changes: Any) -> Any:
    """One row as verl's agent loop hands it over, padded on the right with token 0."""
    info = {
        "prompt_len": len(prompt),
        "response_len": len(response),
        "global_steps": 7,
        "extra_info": {"index": 0, "split": "train"},
        "reward_model": {"style": "rule", "ground_truth": json.dumps({"target": 4})},
        **changes,
    }
    batch = {
        "prompts": torch.tensor([*prompt, 0, 0]),
        "responses": torch.tensor([*response, 0]),
    }
    return [SimpleNamespace(batch=batch, non_tensor_batch=info)]


def score(sample: Sample) -> Score:
    right = str(sample.ground_truth["target"]) in sample.response
    return Score(value=float(right), correct=right, components={"length": 1.0})


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from harness.verl import reward_manager

    monkeypatch.setenv("REPRISE_REWARD_LOG", str(tmp_path / "rewards"))
    monkeypatch.setenv("REPRISE_SAMPLE_EVERY", "2")
    monkeypatch.setattr(reward_manager, "get_generation_config", lambda *_, **__: None)

    def build(function: Any = score, **arguments: Any) -> Any:
        monkeypatch.setattr(sys.modules[__name__], "under_test", function, raising=False)
        named = {"path": f"pkg://{__name__}", "name": "under_test", "reward_kwargs": arguments}
        config = OmegaConf.create(
            {
                "reward": {"custom_reward_function": named},
                "actor_rollout_ref": {
                    "model": {"path": "m", "trust_remote_code": False},
                    "rollout": {"response_length": LIMIT},
                },
            }
        )
        return reward_manager.RewardManager(config, Tokenizer(), None)

    return build


def run(manager: Any, data: Any) -> Any:
    return manager.loop.run_until_complete(manager.run_single(data))


def test_the_function_sees_texts_with_special_tokens_and_no_padding(manager: Any) -> None:
    seen: list[Sample] = []

    def remember(sample: Sample) -> Score:
        seen.append(sample)
        return score(sample)

    build = manager(remember)
    run(build, row([1, 3, 4], [6, 2]))
    run(build, row([1, 3], [6, 6, 6]))
    run(build, row([1, 3], [6, 6, 2]))
    assert seen[0] == Sample(
        prompt="<s> what is",
        response="4 </s>",
        ground_truth={"target": 4},
        response_tokens=2,
        token_ids=(6, 2),
        truncated=False,
    )
    assert [s.truncated for s in seen] == [False, True, False]


def test_verl_gets_the_same_columns_for_every_sample(manager: Any) -> None:
    build = manager()
    right, wrong = run(build, row([1], [6, 2])), run(build, row([1], [5, 2]))
    assert right == {
        "reward_score": 1.0,
        "reward_extra_info": {"acc": 1.0, "extracted": "", "length": 1.0},
    }
    assert wrong["reward_score"] == 0.0
    kinds = [{k: type(v) for k, v in r["reward_extra_info"].items()} for r in (right, wrong)]
    assert kinds[0] == kinds[1]


def test_every_sample_leaves_a_line(manager: Any, tmp_path: Path) -> None:
    build = manager()
    for split in ("train", "train", "test"):
        run(build, row([1, 3], [6, 2], extra_info={"index": 0, "split": split}))
    (log,) = (tmp_path / "rewards").iterdir()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["split"] for line in lines] == ["train", "train", "test"]
    assert lines[1] == {
        "split": "train",
        "step": 7,
        "score": 1.0,
        "correct": True,
        "components": {"length": 1.0},
        "tokens": 2,
        "truncated": False,
    }
    assert [line.get("response") for line in lines] == ["4 </s>", None, "4 </s>"]


def test_each_worker_has_a_file_of_its_own(
    manager: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends of two nodes to one file of a network file system would overwrite each other."""
    for host in ("node1", "node2"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        build = manager()
        run(build, row([1, 3], [6, 2]))
        run(build, row([1, 3], [6, 2]))
    logs = sorted((tmp_path / "rewards").iterdir())
    assert [log.name.rpartition("-")[0] for log in logs] == ["node1", "node2"]
    assert [len(log.read_text().splitlines()) for log in logs] == [2, 2]


def test_the_agent_loops_word_on_truncation_counts(manager: Any) -> None:
    seen: list[Sample] = []

    def remember(sample: Sample) -> Score:
        seen.append(sample)
        return score(sample)

    build = manager(remember)
    for truncated in (False, True):
        said = {"reprise_truncated": truncated}
        run(build, row([1, 3], [6, 6, 6], tool_extra_fields=said))
    assert [s.truncated for s in seen] == [False, True]


def test_arguments_arrive_as_plain_python(manager: Any) -> None:
    seen: dict[str, Any] = {}

    def with_arguments(sample: Sample, **arguments: Any) -> Score:
        seen.update(arguments)
        return score(sample)

    run(manager(with_arguments, words=["a"], bounds={"low": 1}), row([1], [6]))
    assert seen == {"words": ["a"], "bounds": {"low": 1}}
    assert type(seen["words"]) is list and type(seen["bounds"]) is dict


def broken(sample: Sample) -> Score:
    raise ZeroDivisionError("no tokens\nat all")


def test_a_reward_that_raises_shows_function_sample_and_cause(manager: Any) -> None:
    with pytest.raises(RewardFailed) as caught:
        run(manager(broken), row([1, 3], [6, 6, 6]))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    first, *rest = str(caught.value).split("\n")
    assert first.startswith(f"{__name__}:under_test could not score a response: ZeroDivisionError")
    # Indented: the log's reader takes them for one message.
    assert all(line.startswith("    ") for line in rest)
    told = "\n".join(rest)
    for part in (
        "raised in: broken",
        Path(__file__).name,
        "<s> what",
        "3 tokens, truncated",
        "4 4 4",
    ):
        assert part in told
    assert '{"target": 4}' in told


def test_the_message_reaches_the_user_whole(manager: Any, tmp_path: Path) -> None:
    """Through the log as Ray writes it, with what verl adds before and after."""
    remote = ""
    try:
        run(manager(broken), row([1, 3], [6]))
    except RewardFailed:
        # In a remote traceback, and again in its chain, Ray's header stands for Python's.
        header = "\x1b[36mray::RewardLoopWorker.compute_score()\x1b[39m (pid=9, ip=127.0.0.1)"
        _, cause, consequence = traceback.format_exc().split("Traceback (most recent call last):\n")
        remote = (
            f"ray.exceptions.RayTaskError(RewardFailed): {header}\n{cause}{header}\n{consequence}"
        )
    log = tmp_path / "verl.log"
    log.write_text(
        "".join(
            f"(AgentLoopWorkerTQ pid=12) {line}\n"
            for line in [
                "ERROR: Error in _run_prompt for uid=1",
                "Traceback (most recent call last):",
                '  File "agent_loop.py", line 1026, in _compute_score',
                *remote.splitlines(),
                "step:1 - training goes on",
                "    an indented line of somebody else",
            ]
        )
        + "Traceback (most recent call last):\n"
        + '  File "replay_buffer.py", line 30, in sample\n'
        + "harness.verl.replay_buffer.RolloutFailed: 1 prompt(s) failed\n"
    )
    shown = _failure(1, log.read_text(), log)
    for part in ("under_test could not score", "ZeroDivisionError", "<s> what", '{"target": 4}'):
        assert part in shown
    assert "RolloutFailed" not in shown and "somebody else" not in shown


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (1.0, "returned float"),
        (Score(value=float("nan"), correct=True), "value = nan"),
        (Score(value=0, correct=True, components={"a": float("inf")}), "a = inf"),
        (Score(value=0, correct=True, components={"acc": 1}), "cannot be called"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(manager: Any, returned: Any, reason: str) -> None:
    with pytest.raises(RewardFailed, match=reason):
        run(manager(lambda _: returned), row([1], [6]))


def test_changing_components_are_refused(manager: Any) -> None:
    build = manager(
        lambda s: Score(
            value=0, correct=False, components={"a": 1} if "4" in s.response else {"b": 1}
        )
    )
    run(build, row([1], [6]))
    with pytest.raises(RewardFailed, match=r"always return the same"):
        run(build, row([1], [5]))


def test_failed_prompts_end_the_run() -> None:
    from verl.trainer.ppo.v1 import replay_buffer as verl_buffer

    from harness.verl.replay_buffer import RolloutFailed, StrictReplayBuffer

    buffer = StrictReplayBuffer(
        trainer_mode="sync",
        trainer_config={},
        max_off_policy_threshold=None,
        max_off_policy_strategy="drop",
        sampler_kwargs={},
    )
    assert buffer.poll_interval < 1
    tag = {"is_prompt": True, "status": "failure", "global_steps": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verl_buffer.tq, "kv_list", lambda: {"train": {"uid": tag}})
        with pytest.raises(RolloutFailed, match="1 prompt"):
            buffer.sample(1, "train", 1)


def test_batches_follow_the_data_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    from verl.trainer.ppo.v1 import replay_buffer as verl_buffer

    from harness.verl.replay_buffer import StrictReplayBuffer

    done = {"is_prompt": True, "status": "finished", "global_steps": 1}
    arrived = {"b": done, "a": done, "a_1_0": {}, "b_10_0": {}, "b_2_0": {}, "a_0_0": {}}
    monkeypatch.setattr(verl_buffer.tq, "kv_list", lambda: {"train": arrived})
    monkeypatch.setattr(verl_buffer.tq, "kv_clear", lambda **_: None)
    buffer = StrictReplayBuffer(
        trainer_mode="sync",
        trainer_config={},
        max_off_policy_threshold=None,
        max_off_policy_strategy="drop",
        sampler_kwargs={},
    )
    batch, _ = buffer.sample(1, "train", 2)
    assert batch.keys == ["b_2_0", "b_10_0", "a_0_0", "a_1_0"]
