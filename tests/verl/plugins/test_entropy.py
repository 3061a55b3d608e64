"""The controller of the entropy bonus: its rule, what it watches, and that its state resumes."""

import json
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from harness.verl.plugins import entropy, storage  # noqa: E402
from tests.verl.plugins.storage import Queue, row  # noqa: E402

SETTINGS = {"target": 0.2, "delta": 0.0001, "min_coef": 0.0, "max_coef": 0.0003}


@pytest.mark.parametrize(
    ("coefficient", "measured", "then"),
    [
        (0.0001, 0.1, 0.0002),
        (0.0001, 0.2, 0.0),  # at the target it falls
        (0.0001, 0.3, 0.0),
        (0.0, 0.3, 0.0),
        (0.0003, 0.1, 0.0003),
        (0.00025, 0.1, 0.0003),
    ],
)
def test_the_coefficient_moves_one_step_within_its_bounds(
    coefficient: float, measured: float, then: float
) -> None:
    moved = entropy.next_coefficient(coefficient, measured, **SETTINGS)
    assert moved == pytest.approx(then, abs=1e-12)


def walk(state: dict[str, Any], entropies: list[float]) -> tuple[list[float], dict[str, Any]]:
    """The coefficients of the updates, and the state after the last."""
    coefficients = []
    for value in entropies:
        coefficients.append(entropy.applied(state))
        state = entropy.next_state(state, value, SETTINGS)
    return coefficients, state


def test_a_coefficient_counts_in_the_step_after_an_entropy_below_the_target() -> None:
    coefficients, state = walk(entropy.first_state(SETTINGS), [0.1, 0.1, 0.3, 0.1, 0.1])
    assert coefficients == pytest.approx([0.0, 0.0001, 0.0002, 0.0, 0.0002])
    assert state == {"coefficient": pytest.approx(0.0003), "applied": True}


def test_the_first_coefficient_is_the_smallest_and_applied() -> None:
    first = entropy.first_state(SETTINGS | {"min_coef": 0.001})
    assert entropy.applied(first) == 0.001


@pytest.mark.parametrize("cut", range(5))
def test_a_resumed_controller_goes_on_exactly(cut: int) -> None:
    entropies = [0.1, 0.15, 0.3, 0.1, 0.05]
    whole = walk(entropy.first_state(SETTINGS), entropies)
    before, state = walk(entropy.first_state(SETTINGS), entropies[:cut])
    after, last = walk(json.loads(json.dumps(state)), entropies[cut:])
    assert ([*before, *after], last) == whole


def test_the_entropy_that_is_watched_is_a_mean_over_sampled_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = {key: row(n, 0.0, correct=False, truncated=False) for key, n in (("a", 2), ("b", 3))}
    rows["a"]["old_log_probs"] = torch.tensor([-1.0, -3.0])
    rows["b"]["old_log_probs"] = torch.tensor([-0.5, -9.0, -2.0])
    rows["b"]["response_mask"][1] = 0
    monkeypatch.setattr(storage, "transfer_queue", Queue(rows))
    assert entropy.measured(["a", "b"], "train") == pytest.approx((1 + 3 + 0.5 + 2) / 4)


def test_it_estimates_the_entropy() -> None:
    """E[-log p(x)] = H(p): Shannon 1948, section 6."""
    shares = [0.5, 0.25, 0.25]
    exact = -sum(p * math.log(p) for p in shares)
    drawn = torch.multinomial(
        torch.tensor(shares), 40_000, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    log_probs = torch.tensor(shares).log()[drawn]
    assert float(-log_probs.mean()) == pytest.approx(exact, abs=0.01)
