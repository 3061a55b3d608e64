"""The soft overlong penalty of DAPO."""

import pytest

from harness.errors import ConfigError
from harness.rewards.overlong import overlong_penalty


@pytest.mark.parametrize(
    ("tokens", "penalty"),
    [(0, 0.0), (16384, 0.0), (16385, -1 / 4096), (18432, -0.5), (20480, -1.0)],
)
def test_it_grows_linearly_inside_the_buffer(tokens: int, penalty: float) -> None:
    found = overlong_penalty(tokens, max_tokens=20480, buffer_tokens=4096, factor=1.0)
    assert found == pytest.approx(penalty)


def test_the_factor_scales_it() -> None:
    assert overlong_penalty(96, max_tokens=128, buffer_tokens=64, factor=0.5) == -0.25


def test_a_buffer_may_take_the_whole_limit() -> None:
    assert overlong_penalty(32, max_tokens=64, buffer_tokens=64, factor=1.0) == -0.5


@pytest.mark.parametrize("buffer", [0, -1, 65])
def test_a_buffer_outside_the_limit_is_refused(buffer: int) -> None:
    with pytest.raises(ConfigError, match="between 1 and 64"):
        overlong_penalty(1, max_tokens=64, buffer_tokens=buffer, factor=1.0)
