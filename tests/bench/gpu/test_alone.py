"""verl alone: nothing of this project's loop is left in the command, and the reward is the same."""

import json
from pathlib import Path

import pytest

from bench.gpu.alone import plain
from bench.gpu.plain_reward import score
from harness.compose import to_run_spec
from harness.verl.command import command, printable
from harness.verl.emit import emit
from tests.composing import config_of

TRUTH = json.dumps({"target": 7, "numbers": [3, 4]})


@pytest.fixture
def printed(tmp_path: Path) -> str:
    spec = to_run_spec(config_of("+repro=tinyzero", "hardware=1xH100"), must_fit=False)
    return printable(command(spec, emit(spec, tmp_path, 3), tmp_path), {"A": "b"}) + "\n"


def test_what_is_ours_is_left_out(printed: str) -> None:
    text = plain(printed)
    for word in (
        "reprise.",
        "trainer_mode",
        "custom_sampler",
        "default_agent_loop",
        "RewardManager",
    ):
        assert word in printed and word not in text, word
    assert "custom_reward_function.path=pkg://bench.gpu.plain_reward" in text
    assert "attn_implementation=varlen" in text and "A=b" in text
    left_out = {line for line in printed.splitlines() if line not in text.splitlines()}
    assert all(any(word in line for word in (
        "reprise", "trainer.v1", "reward.", "agent", "checkpoint_callback"
    )) for line in left_out), left_out  # fmt: skip
    assert all(line.endswith("\\") for line in text.splitlines()[:-1])


@pytest.mark.parametrize(
    ("response", "value"),
    [("<answer>3 + 4</answer>", 1.0), ("<answer>3 * 4</answer>", 0.1), ("seven", 0.0)],
)
def test_the_reward_is_tinyzeros(response: str, value: float) -> None:
    assert score("countdown", response, TRUTH, {}) == value
