"""Every advantage estimator that a recipe can choose, verl's and ours, against the equations."""

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from omegaconf import OmegaConf  # noqa: E402
from verl.trainer.ppo import core_algos  # noqa: E402

import harness.verl.plugins  # noqa: E402, F401  registers our estimator
from harness.verl.plugins.advantages import multi_gamma  # noqa: E402
from tests.verl.plugins import references  # noqa: E402

INDEX = ["a", "a", "a", "b", "b", "b", "b"]
SCORES = [1.0, 0.0, 0.1, 0.0, 0.0, 1.0, -0.5]
LENGTHS = [3, 1, 5, 2, 4, 4, 5]
BASELINES = [0.5, 0.5, 0.5, -1.0, -1.0, -1.0, -1.0]
"""Scores of the greedy responses."""


def padded(batch: list[list[float]]) -> Any:
    width = max(map(len, batch))
    rows = [[*response, *[0.0] * (width - len(response))] for response in batch]
    return torch.tensor(rows, dtype=torch.float64)


def at_the_end(scores: list[float]) -> list[list[float]]:
    return [[*[0.0] * (length - 1), score] for score, length in zip(scores, LENGTHS, strict=True)]


MASK = padded([[1.0] * length for length in LENGTHS])


def settings(**changes: Any) -> Any:
    ours = {"std_epsilon": 1e-4, "whiten_advantages": False}
    by_std = changes.pop("by_std", True)
    config = {"gamma": 0.9, "norm_adv_by_std_in_grpo": by_std, "reprise": ours | changes}
    return OmegaConf.create(config)


def estimate(name: str, rewards: list[list[float]], **extra: Any) -> Any:
    function = core_algos.get_adv_estimator_fn(name)
    advantages, _ = function(
        token_level_rewards=padded(rewards), response_mask=MASK, **{"index": INDEX} | extra
    )
    return advantages


def agree(found: Any, expected: list[list[float]]) -> None:
    torch.testing.assert_close(found, padded(expected), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("by_std", [True, False])
def test_verl_grpo(by_std: bool) -> None:
    """Shao et al. 2024, section 4.1.2; without the deviation Dr. GRPO (Liu et al. 2025)."""
    found = estimate("grpo", at_the_end(SCORES), norm_adv_by_std_in_grpo=by_std)
    scores = references.grpo(SCORES, INDEX, epsilon=1e-6, by_std=by_std)
    agree(found, references.spread(scores, LENGTHS))


@pytest.mark.parametrize("by_std", [True, False])
@pytest.mark.parametrize("whitened", [True, False])
def test_our_grpo(by_std: bool, whitened: bool) -> None:
    """As verl's with an epsilon of its own, then whitened over the batch's tokens."""
    config = settings(by_std=by_std, whiten_advantages=whitened)
    found = estimate("reprise_grpo", at_the_end(SCORES), config=config)
    scores = references.grpo(SCORES, INDEX, epsilon=1e-4, by_std=by_std)
    expected = references.spread(scores, LENGTHS)
    agree(found, references.whiten(expected) if whitened else expected)


def test_our_grpo_with_verls_epsilon_is_verls_also_for_single_responses() -> None:
    index = ["a", "a", "b", "c", "c", "c", "c"]
    ours = estimate(
        "reprise_grpo", at_the_end(SCORES), index=index, config=settings(std_epsilon=1e-6)
    )
    theirs = estimate("grpo", at_the_end(SCORES), index=index)
    torch.testing.assert_close(ours, theirs)


def test_masked_responses_stay_out_of_whitening_and_in_the_group() -> None:
    mask = MASK.clone()
    mask[[1, 6]] = 0.0
    function = core_algos.get_adv_estimator_fn("reprise_grpo")
    found, _ = function(padded(at_the_end(SCORES)), mask, INDEX, settings(whiten_advantages=True))
    scores = references.grpo(SCORES, INDEX, epsilon=1e-4, by_std=True)
    kept = [row for row in range(len(INDEX)) if row not in (1, 6)]
    expected = references.whiten(
        [[scores[row]] * LENGTHS[row] for row in kept],
    )
    assert found[[1, 6]].abs().sum() == 0.0
    for row, tokens in zip(kept, expected, strict=True):
        assert found[row, : LENGTHS[row]].tolist() == pytest.approx(tokens)


def test_rloo() -> None:
    """Ahmadian et al. 2024, equation 7."""
    agree(
        estimate("rloo", at_the_end(SCORES)),
        references.spread(references.rloo(SCORES, INDEX), LENGTHS),
    )


def test_reinforce_plus_plus() -> None:
    """Hu 2025, equation 5: discounted token rewards (a KL penalty makes every token's differ)."""
    draw = random.Random(0)
    rewards = [[draw.gauss(0, 1) for _ in range(length)] for length in LENGTHS]
    found = estimate("reinforce_plus_plus", rewards, config=settings())
    agree(found, references.reinforce_plus_plus(rewards, gamma=0.9))


def test_reinforce_plus_plus_baseline() -> None:
    """Hu 2025, section 3.4."""
    agree(
        estimate("reinforce_plus_plus_baseline", at_the_end(SCORES)),
        references.reinforce_plus_plus_baseline(SCORES, INDEX, LENGTHS),
    )


def test_remax() -> None:
    """Li et al. 2024, equation 5."""
    baselines = torch.tensor(BASELINES, dtype=torch.float64)
    found = estimate("remax", at_the_end(SCORES), reward_baselines=baselines)
    agree(found, references.remax(at_the_end(SCORES), BASELINES))


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 1.0), (0.95, 0.9), (1.0, 0.0)])
def test_gae(gamma: float, lam: float) -> None:
    """Schulman et al. 2016, equation 16; whitened after the returns are taken, as PPO does."""
    draw = random.Random(1)
    rewards = [[draw.gauss(0, 1) for _ in range(length)] for length in LENGTHS]
    values = [[draw.gauss(0, 1) for _ in range(length)] for length in LENGTHS]
    advantages, targets = core_algos.compute_gae_advantage_return(
        padded(rewards), padded(values), MASK, gamma, lam
    )
    expected = references.gae(rewards, values, gamma, lam)
    agree(advantages * MASK, references.whiten(expected))
    agree(
        targets * MASK,
        [
            [a + v for a, v in zip(*pair, strict=True)]
            for pair in zip(expected, values, strict=True)
        ],
    )


def random_batch(seed: int) -> list[list[float]]:
    draws = random.Random(seed)
    return [[draws.uniform(-1.0, 1.0) for _ in range(length)] for length in LENGTHS]


def test_multi_gamma() -> None:
    """Yeo et al. 2025 (arXiv:2502.03373), section 4.6: two streams, two discounts, one value."""
    streams, values = [at_the_end(SCORES), random_batch(1)], random_batch(2)
    advantages, returns = multi_gamma([*map(padded, streams)], [1.0, 0.9], padded(values), MASK)
    raw = references.multi_gamma(streams, [1.0, 0.9], values)
    agree(advantages, references.whiten(raw))
    agree(
        returns,
        [[a + v for a, v in zip(*both, strict=True)] for both in zip(raw, values, strict=True)],
    )


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_multi_gamma_with_equal_discounts_is_verls_gae(gamma: float) -> None:
    rewards, values = random_batch(3), random_batch(4)
    halves = [padded([[reward / 2 for reward in row] for row in rewards])] * 2
    ours = multi_gamma(halves, [gamma, gamma], padded(values), MASK)
    theirs = core_algos.compute_gae_advantage_return(
        padded(rewards), padded(values), MASK, gamma, 1.0
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other * MASK, rtol=1e-7, atol=1e-9)


def test_multi_gamma_without_a_critic_is_verls_reinforce_plus_plus() -> None:
    rewards = random_batch(5)
    nothing = torch.zeros_like(padded(rewards))
    ours, _ = multi_gamma([padded(rewards), nothing], [0.9, 0.5], nothing, MASK)
    agree(ours, references.reinforce_plus_plus(rewards, 0.9))


def test_multi_gamma_leaves_masked_responses_out() -> None:
    mask = MASK.clone()
    mask[2] = 0.0
    streams, values = [padded(at_the_end(SCORES)), padded(random_batch(1))], padded(random_batch(2))
    with_it = multi_gamma(streams, [1.0, 0.9], values, mask)
    for stream in streams:
        stream[2] = 99.0
    for one, other in zip(with_it, multi_gamma(streams, [1.0, 0.9], values, mask), strict=True):
        assert torch.equal(one, other) and not one[2].any()
