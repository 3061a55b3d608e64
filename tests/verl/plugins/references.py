"""Float64 references for estimators and losses, written from the papers' equations alone, one token
and one response at a time; test_advantages.py and test_losses.py compare verl and ours with them.

A batch is a list of responses; a response is a list of tokens of its own length.
"""

import math
from collections.abc import Callable, Sequence
from statistics import mean, stdev, variance

Tokens = list[float]
Batch = list[Tokens]


def group_of(index: Sequence[str], row: int) -> list[int]:
    """Rows of the responses to the same prompt."""
    return [other for other, prompt in enumerate(index) if prompt == index[row]]


def spread(values: Sequence[float], lengths: Sequence[int]) -> Batch:
    """One number a response, repeated for its tokens."""
    return [[value] * length for value, length in zip(values, lengths, strict=True)]


def grpo(scores: Sequence[float], index: Sequence[str], *, epsilon: float, by_std: bool) -> Tokens:
    """Shao et al. 2024, section 4.1.2: (r_i - mean r) / (std r + epsilon); Liu et al. 2025
    (Dr. GRPO), equation 3, without the division."""
    advantages = []
    for row, score in enumerate(scores):
        group = [scores[other] for other in group_of(index, row)]
        deviation = stdev(group) + epsilon if by_std else 1.0
        advantages.append((score - mean(group)) / deviation)
    return advantages


def rloo(scores: Sequence[float], index: Sequence[str]) -> Tokens:
    """Ahmadian et al. 2024, equation 7: r_i minus the mean of the others' rewards."""
    return [
        score - mean(scores[other] for other in group_of(index, row) if other != row)
        for row, score in enumerate(scores)
    ]


def whiten(advantages: Batch) -> Batch:
    """(A - mean A) / sqrt(var A + 1e-8) over all tokens of the batch, the variance unbiased."""
    tokens = [token for response in advantages for token in response]
    centre, scale = mean(tokens), math.sqrt(variance(tokens) + 1e-8)
    return [[(token - centre) / scale for token in response] for response in advantages]


def returns(rewards: Batch, gamma: float) -> Batch:
    """Sutton & Barto, equation 3.8: G_t = sum_k gamma^k r_(t+k)."""
    return [
        [
            sum(gamma**k * reward for k, reward in enumerate(response[t:]))
            for t in range(len(response))
        ]
        for response in rewards
    ]


def reinforce_plus_plus(rewards: Batch, gamma: float) -> Batch:
    """Hu 2025, equation 5 and section 3.3: returns, normalised over the batch."""
    return whiten(returns(rewards, gamma))


def reinforce_plus_plus_baseline(
    scores: Sequence[float], index: Sequence[str], lengths: Sequence[int]
) -> Batch:
    """Hu 2025, section 3.4: r_i minus its group's mean, normalised over the batch."""
    centred = [
        score - mean(scores[other] for other in group_of(index, row))
        for row, score in enumerate(scores)
    ]
    return whiten(spread(centred, lengths))


def remax(rewards: Batch, baselines: Sequence[float]) -> Batch:
    """Li et al. 2024, equation 5: the reward to come minus that of the greedy response."""
    return [
        [value - baseline for value in response]
        for response, baseline in zip(returns(rewards, 1.0), baselines, strict=True)
    ]


def gae(rewards: Batch, values: Batch, gamma: float, lam: float) -> Batch:
    """Schulman et al. 2016, equation 16: A_t = sum_k (gamma lambda)^k delta_(t+k)."""
    advantages = []
    for reward, value in zip(rewards, values, strict=True):
        following = [*value[1:], 0.0]
        deltas = [
            r + gamma * after - v for r, v, after in zip(reward, value, following, strict=True)
        ]
        advantages.append(
            [
                sum((gamma * lam) ** k * delta for k, delta in enumerate(deltas[t:]))
                for t in range(len(deltas))
            ]
        )
    return advantages


def clipped(
    log_prob: float, old: float, advantage: float, *, low: float, high: float, dual: float | None
) -> float:
    """Schulman et al. 2017, equation 7, negated; low and high apart: Yu et al. 2025, equation 8;
    dual: Ye et al. 2020, equation 5, bounds the loss of negative advantages."""
    ratio = math.exp(log_prob - old)
    bounded = min(max(ratio, 1.0 - low), 1.0 + high)
    objective = min(ratio * advantage, bounded * advantage)
    if dual is not None and advantage < 0:
        objective = max(objective, dual * advantage)
    return -objective


def kl(estimator: str, log_prob: float, ref: float) -> float:
    """Schulman 2020, "Approximating KL divergence", with r = ref / policy."""
    log_ratio = ref - log_prob
    return {
        "k1": -log_ratio,
        "abs": abs(log_ratio),
        "k2": log_ratio**2 / 2,
        "k3": math.exp(log_ratio) - 1.0 - log_ratio,
    }[estimator]


def preference(
    log_probs: Batch,
    refs: Batch,
    levels: Sequence[int],
    groups: Sequence[int],
    *,
    beta: float,
    best_weight: float,
) -> float:
    """Su et al. 2025 (TRPA): the mean of -log sigmoid(beta (dl_i - dl_j)) over pairs of one prompt
    with level_i < level_j, beta times best_weight where level_i is 1; without a pair the mean of
    -log sigmoid(dl) at level 1 and of -log sigmoid(-dl) below it."""

    def loss(preferred: float) -> float:
        return math.log1p(math.exp(-preferred))

    ratios = [mean(p) - mean(r) for p, r in zip(log_probs, refs, strict=True)]
    rows = range(len(ratios))
    pairs = [
        loss(beta * (best_weight if levels[i] == 1 else 1.0) * (ratios[i] - ratios[j]))
        for i in rows
        for j in rows
        if groups[i] == groups[j] and levels[i] < levels[j]
    ]
    alone = [loss(ratios[i] if levels[i] == 1 else -ratios[i]) for i in rows]
    return mean(pairs or alone)


def value_error(value: float, old: float, target: float, clip: float) -> float:
    """Half the larger squared error of the value and of the value held near the old one
    (Dhariwal et al. 2017, baselines' PPO2)."""
    held = min(max(value, old - clip), old + clip)
    return max((value - target) ** 2, (held - target) ** 2) / 2


def entropy(logits: Sequence[float]) -> float:
    """Shannon entropy of a softmax, in nats."""
    total = sum(map(math.exp, logits))
    shares = [math.exp(logit) / total for logit in logits]
    return -sum(share * math.log(share) for share in shares)


def aggregate(losses: Batch, mode: str, divisor: float) -> float:
    """Token mean: Yu et al. 2025, equation 8. Mean of token means: Shao et al. 2024, equation 3.
    Sum over a constant: Liu et al. 2025, section 3.2. An empty response counts as a sequence."""
    if mode == "token-mean":
        return sum(map(sum, losses)) / sum(map(len, losses))
    each: dict[str, Callable[[Tokens], float]] = {
        "seq-mean-token-mean": lambda tokens: mean(tokens) if tokens else 0.0,
        "seq-mean-token-sum": sum,
        "seq-mean-token-sum-norm": lambda tokens: sum(tokens) / divisor,
    }
    return mean(each[mode](tokens) for tokens in losses)


def gradient(function: Callable[[Batch], float], at: Batch, step: float = 1e-6) -> Batch:
    """Central finite differences, one number at a time."""
    slopes = [[0.0] * len(response) for response in at]
    for row, response in enumerate(at):
        for t in range(len(response)):
            sides = []
            for sign in (1, -1):
                moved = [list(r) for r in at]
                moved[row][t] += sign * step
                sides.append(function(moved))
            slopes[row][t] = (sides[0] - sides[1]) / (2 * step)
    return slopes


def multi_gamma(streams: Sequence[Batch], gammas: Sequence[float], values: Batch) -> Batch:
    """Yeo et al. 2025, section 4.6, with lambda = 1: the streams' returns, each with its own
    discount, minus the value."""
    each = [returns(rewards, gamma) for rewards, gamma in zip(streams, gammas, strict=True)]
    return [
        [sum(parts) - value for *parts, value in zip(*(one[row] for one in each), of, strict=True)]
        for row, of in enumerate(values)
    ]
