"""The reward manager without Ray: what a scoring function sees, and what verl and the log get."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402

from harness.rewards import Sample, Score  # noqa: E402

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

    monkeypatch.setenv("REPRISE_REWARD_LOG", str(tmp_path / "reward.jsonl"))
    monkeypatch.setenv("REPRISE_SAMPLE_EVERY", "2")
    monkeypatch.setattr(reward_manager, "get_generation_config", lambda *_, **__: None)

    def build(function: Any = score) -> Any:
        config = OmegaConf.create(
            {
                "reward": {"custom_reward_function": {"path": "pkg://somewhere"}},
                "actor_rollout_ref": {
                    "model": {"path": "m", "trust_remote_code": False},
                    "rollout": {"response_length": LIMIT},
                },
            }
        )
        return reward_manager.RewardManager(config, Tokenizer(), function)

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
    lines = [json.loads(line) for line in (tmp_path / "reward.jsonl").read_text().splitlines()]
    assert [line["split"] for line in lines] == ["train", "train", "test"]
    assert lines[1] == {
        "split": "train",
        "step": 7,
        "score": 1.0,
        "correct": True,
        "tokens": 2,
        "truncated": False,
    }
    assert [line.get("response") for line in lines] == ["4 </s>", None, "4 </s>"]


def test_errors_are_not_scores(manager: Any) -> None:
    def broken(sample: Sample) -> Score:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(manager(broken), row([1], [6]))
    with pytest.raises(TypeError, match="returned float"):
        run(manager(lambda _: 1.0), row([1], [6]))


def test_changing_components_are_refused(manager: Any) -> None:
    build = manager(
        lambda s: Score(
            value=0, correct=False, components={"a": 1} if "4" in s.response else {"b": 1}
        )
    )
    run(build, row([1], [6]))
    with pytest.raises(ValueError, match=r"always return the same"):
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
