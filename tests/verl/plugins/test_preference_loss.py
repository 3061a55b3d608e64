"""The loss over pairs against the equations in float64, with gradients; and its fields."""

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from harness.verl.plugins import storage  # noqa: E402
from harness.verl.plugins.preference_loss import (  # noqa: E402
    GROUP,
    LEVEL,
    log_ratios,
    pair_loss,
    write_levels,
)
from tests.verl.plugins import references  # noqa: E402
from tests.verl.plugins.storage import Queue, row  # noqa: E402

DRAW = random.Random(5)
LENGTHS = [3, 1, 4, 2, 2, 3]
LOG_PROBS, REFS = (
    [[DRAW.gauss(-1, 1) for _ in range(length)] for length in LENGTHS] for _ in range(2)
)


def padded(batch: Any) -> Any:
    width = max(LENGTHS)
    return torch.tensor([[*r, *[9.0] * (width - len(r))] for r in batch], dtype=torch.float64)


MASK = torch.tensor([[i < length for i in range(max(LENGTHS))] for length in LENGTHS])


def loss_of(log_probs: Any, levels: list[int], groups: list[int], weight: float) -> Any:
    ratios = log_ratios(log_probs, padded(REFS), MASK)
    return pair_loss(
        ratios, torch.tensor(levels), torch.tensor(groups), beta=0.1, best_weight=weight
    )


@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize(
    ("levels", "groups", "pairs"),
    [
        ([1, 2, 3, 1, 2, 2], [0] * 6, 11),  # 2 x 4 of level 1, 3 x 1 of level 2
        ([1, 2, 3, 1, 2, 2], [0, 0, 0, 1, 1, 2], 4),
        ([2, 3, 4, 4, 2, 3], [0, 1, 0, 1, 0, 1], 4),  # none of level 1
        ([1, 1, 2, 2, 1, 2], [0, 0, 1, 1, 2, 3], 0),  # no pair: each response by itself
        ([2] * 6, [0] * 6, 0),
    ],
)
def test_pairs_and_gradients(
    levels: list[int], groups: list[int], pairs: int, weight: float
) -> None:
    """Su et al. 2025 (TRPA, arXiv:2504.04524)."""

    def reference(log_probs: Any) -> float:
        return references.preference(log_probs, REFS, levels, groups, beta=0.1, best_weight=weight)

    leaf = padded(LOG_PROBS).requires_grad_()
    loss, found = loss_of(leaf, levels, groups, weight)
    loss.backward()
    assert found == pairs and float(loss) == pytest.approx(reference(LOG_PROBS))
    slopes = references.gradient(reference, LOG_PROBS)
    for response, slope, length in zip(leaf.grad, slopes, LENGTHS, strict=True):
        assert response[:length].tolist() == pytest.approx(slope, rel=1e-5, abs=1e-9)
        assert not response[length:].any(), "padding has no say"
    assert torch.autograd.gradcheck(
        lambda at: loss_of(at, levels, groups, weight)[0], (padded(LOG_PROBS).requires_grad_(),)
    )


def test_a_better_response_is_made_more_likely() -> None:
    leaf = padded(LOG_PROBS).requires_grad_()
    loss_of(leaf, [1, 2, 2, 2, 2, 2], [0] * 6, 1.0)[0].backward()
    assert (leaf.grad[0][: LENGTHS[0]] < 0).all() and (leaf.grad[1][: LENGTHS[1]] > 0).all()


def test_no_response_gives_no_loss() -> None:
    empty = torch.zeros(0, dtype=torch.float64)
    loss, pairs = pair_loss(empty, empty, empty, beta=0.1, best_weight=1.0)
    assert float(loss) == 0.0 and pairs == 0


def test_rows_carry_their_level_and_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {key: row(2, 0.0, correct=False, truncated=False) for key in ("b_0_0", "a_0_0", "a_1_0")}
    for level, content in enumerate(rows.values(), start=1):
        content["extra_fields"]["reward_extra_info"]["level"] = float(level)
    monkeypatch.setattr(storage, "transfer_queue", Queue(rows))
    write_levels(list(rows), "train", "level")
    assert [int(content[LEVEL]) for content in rows.values()] == [1, 2, 3]
    assert [int(content[GROUP]) for content in rows.values()] == [0, 1, 1]
