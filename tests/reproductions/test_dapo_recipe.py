"""DAPO's recipe: the penalty knows the response limit, and the miniature keeps the four changes."""

from functools import cache

from harness.data.columns import columns_of
from harness.spec import RLAlgorithm, RunSpec
from tests.composing import spec_of


@cache
def small() -> RunSpec:
    return spec_of("+repro=dapo")


@cache
def full() -> RunSpec:
    return spec_of("+repro=dapo", "hardware=8xA100")


def test_the_penalty_follows_the_response_limit() -> None:
    assert full().reward.arguments["max_resp_len"] == 20480
    shorter = spec_of("+repro=dapo", "hardware=8xA100", "data.max_response_tokens=8192")
    assert shorter.reward.arguments["max_resp_len"] == 8192


def test_the_miniature_keeps_the_four_changes() -> None:
    little, large = small().algorithm, full().algorithm
    assert isinstance(little, RLAlgorithm) and isinstance(large, RLAlgorithm)
    for name in ("clip_low", "clip_high", "dual_clip", "loss_aggregation", "kl_loss"):
        assert getattr(little, name) == getattr(large, name)
    assert little.filter_groups and small().reward.function == full().reward.function
    buffer = small().reward.arguments["overlong_buffer_len"]
    assert 0 < buffer < small().data.max_response_tokens


def test_the_miniature_shows_problems_in_the_frame_of_the_evaluation() -> None:
    prompt = full().eval.prompt
    assert prompt and small().data.template == prompt.template


def test_the_published_rows_are_read() -> None:
    row = {
        "data_source": "math_dapo",
        "prompt": [{"content": "Solve it.", "role": "user"}],
        "reward_model": {"ground_truth": "34", "style": "rule-lighteval/MATH_v2"},
    }
    fields = columns_of(full().data).pick(row, "row 1")
    assert fields == {"prompt": "Solve it.", "answer": "34"}
