"""The policy and value losses that a recipe can choose, verl's and ours, with their gradients,
against the equations in float64; and that cutting a mini-batch up changes nothing."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from tensordict import TensorDict  # noqa: E402
from verl.trainer.ppo import core_algos  # noqa: E402
from verl.utils import tensordict_utils  # noqa: E402
from verl.utils.torch_functional import entropy_from_logits  # noqa: E402
from verl.workers.config import FSDPActorConfig  # noqa: E402

from harness.verl.emit import NO_DUAL_CLIP  # noqa: E402
from harness.verl.plugins.losses import KLTerm, critic_loss, policy_loss  # noqa: E402
from harness.verl.plugins.mini_batches import RESPONSES  # noqa: E402
from harness.verl.plugins.preference_loss import GROUP, LEVEL, Preference  # noqa: E402
from tests.verl.plugins import references  # noqa: E402

LENGTHS = [3, 1, 4, 2]
PROMPTS = [2, 1, 3, 1]
"""Tokens of the prompts; the model's output covers them too."""
MODES = ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm"]
DIVISOR = 7.0
Batch = references.Batch

DRAW = random.Random(0)


def drawn(scale: float = 1.0) -> Batch:
    return [[DRAW.gauss(0, scale) for _ in range(length)] for length in LENGTHS]


OLD = [[value - 1.5 for value in response] for response in drawn(0.3)]
LOG_PROBS = [
    [a + b for a, b in zip(*rows, strict=True)] for rows in zip(OLD, drawn(0.4), strict=True)
]
LOG_PROBS[2][1] = OLD[2][1] + 2.6  # a ratio of 13, which dual clip at 10 bounds
REF = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(OLD, drawn(0.5), strict=True)]
ADVANTAGES = [[1.3] * 3, [-0.4], [-0.7] * 4, [0.6] * 2]
ENTROPIES = [[abs(value) for value in response] for response in drawn()]
LEVELS, GROUPS = [2, 1, 3, 1], [0, 0, 0, 1]


def nested(batch: Any, dtype: Any = torch.float64) -> Any:
    rows = [torch.as_tensor(row, dtype=dtype) for row in batch]
    return torch.nested.as_nested_tensor(rows, layout=torch.jagged)


def model_rows(leaf: Any, rows: list[int]) -> Any:
    """Response numbers where the model puts them: one place early, among those of the prompt."""
    full = []
    for row in rows:
        start = sum(LENGTHS[:row])
        before, after = torch.zeros(PROMPTS[row] - 1), torch.zeros(1)
        full.append(torch.cat([before, leaf[start : start + LENGTHS[row]], after]))
    return torch.nested.as_nested_tensor(full, layout=torch.jagged)


def micro_batch(
    rows: list[int], masked: tuple[int, ...], ranks: int, responses: int | None = None
) -> Any:
    """Rows as verl's engine hands them to a loss, with the sizes of the whole mini-batch."""
    mask = [[0 if row in masked else 1] * LENGTHS[row] for row in rows]
    data = TensorDict(
        {
            "prompts": nested([[0] * PROMPTS[row] for row in rows], torch.int64),
            "responses": nested([[0] * LENGTHS[row] for row in rows], torch.int64),
            "response_mask": nested(mask, torch.int64),
            **{
                name: nested([values[row] for row in rows])
                for name, values in {
                    "old_log_probs": OLD,
                    "ref_log_prob": REF,
                    "advantages": ADVANTAGES,
                }.items()
            },
            LEVEL: nested([[LEVELS[row]] for row in rows], torch.int64),
            GROUP: nested([[GROUPS[row]] for row in rows], torch.int64),
        },
        batch_size=len(rows),
    )
    if responses:
        data[RESPONSES] = nested([[responses] for _ in rows], torch.int64)
    tokens = sum(length for row, length in enumerate(LENGTHS) if row not in masked)
    tensordict_utils.assign_non_tensor(
        data, dp_size=ranks, batch_num_tokens=tokens, global_batch_size=len(LENGTHS)
    )
    return data


def config(mode: str, **changes: Any) -> Any:
    return FSDPActorConfig(
        strategy="fsdp2",
        rollout_n=1,
        ppo_mini_batch_size=4,
        ppo_micro_batch_size_per_gpu=4,
        loss_agg_mode=mode,
        loss_scale_factor=DIVISOR if mode == "seq-mean-token-sum-norm" else None,
        **{"clip_ratio_c": NO_DUAL_CLIP} | changes,
    )


def run(
    settings: Any,
    kl: KLTerm | None = None,
    *,
    parts: tuple[tuple[int, ...], ...] = ((0, 1, 2, 3),),
    masked: tuple[int, ...] = (),
    ranks: int = 1,
    preference: Preference | None = None,
    responses: int | None = None,
) -> tuple[float, Batch, Batch]:
    """Loss of a mini-batch and its gradients by log-probability and by entropy.

    verl sums gradients over micro-batches and averages them over ranks.
    """
    leaves = [
        torch.tensor([v for r in values for v in r], dtype=torch.float64, requires_grad=True)
        for values in (LOG_PROBS, ENTROPIES)
    ]
    total = 0.0
    for rows in parts:
        output = {
            name: model_rows(leaf, list(rows))
            for name, leaf in zip(("log_probs", "entropy"), leaves, strict=True)
        }
        data = micro_batch(list(rows), masked, ranks, responses)
        loss, metrics = policy_loss(settings, kl, preference, output, data)
        assert metrics
        (loss / ranks).backward()
        total += loss.item() / ranks
    grads = [[list(r) for r in leaf.grad.split(LENGTHS)] for leaf in leaves]
    return total, *[[[float(v) for v in r] for r in grad] for grad in grads]


def clipped(log_probs: Batch, *, low: float, high: float, dual: float | None) -> Batch:
    return [
        [
            references.clipped(p, o, a, low=low, high=high, dual=dual)
            for p, o, a in zip(*rows, strict=True)
        ]
        for rows in zip(log_probs, OLD, ADVANTAGES, strict=True)
    ]


def penalties(log_probs: Batch, estimator: str, limit: float | None = None) -> Batch:
    bounded = (lambda k: min(max(k, 0.0), limit)) if limit else (lambda k: k)
    return [
        [bounded(references.kl(estimator, p, r)) for p, r in zip(*rows, strict=True)]
        for rows in zip(log_probs, REF, strict=True)
    ]


def agree(found: Batch, expected: Batch) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("low", "high", "dual"), [(0.2, 0.2, None), (0.2, 0.28, None), (0.1, 0.3, 10.0)]
)
def test_clipped_policy_loss(mode: str, low: float, high: float, dual: float | None) -> None:
    """Schulman et al. 2017, equation 7; DAPO's clip-higher; dual clip of Ye et al. 2020; with
    seq-mean-token-sum-norm Dr. GRPO's constant divisor."""
    bounds = {"clip_ratio_low": low, "clip_ratio_high": high, "clip_ratio_c": dual or NO_DUAL_CLIP}

    def reference(log_probs: Batch) -> float:
        losses = clipped(log_probs, low=low, high=high, dual=dual)
        return references.aggregate(losses, mode, DIVISOR)

    loss, slopes, _ = run(config(mode, **bounds))
    assert loss == pytest.approx(reference(LOG_PROBS))
    agree(slopes, references.gradient(reference, LOG_PROBS))


def test_dual_clip_bounds_the_example() -> None:
    """The batch holds a token that dual clip changes, or the test above would not see it."""
    free, bound = (clipped(LOG_PROBS, low=0.2, high=0.2, dual=dual) for dual in (None, 10.0))
    assert free != bound


@pytest.mark.parametrize("mode", MODES)
def test_entropy_bonus(mode: str) -> None:
    """Mnih et al. 2016, section 4: beta times the entropy is subtracted from the loss."""
    plain, _, _ = run(config(mode))
    loss, _, slopes = run(config(mode, entropy_coeff=0.3))

    def reference(entropies: Batch) -> float:
        return -0.3 * references.aggregate(entropies, mode, DIVISOR)

    assert loss - plain == pytest.approx(reference(ENTROPIES))
    agree(slopes, references.gradient(reference, ENTROPIES))


def test_entropy_of_logits() -> None:
    logits = [[0.3, -1.2, 2.0], [0.0, 0.0, 0.0]]
    found = entropy_from_logits(torch.tensor(logits, dtype=torch.float64))
    assert found.tolist() == pytest.approx([references.entropy(row) for row in logits])


@pytest.mark.parametrize("estimator", ["k1", "abs", "k2", "k3"])
@pytest.mark.parametrize("mode", MODES)
def test_kl_in_the_loss(estimator: str, mode: str) -> None:
    """Shao et al. 2024, equations 3 and 4, with Schulman's estimators; verl's own term."""
    settings = config(mode, use_kl_loss=True, kl_loss_coef=0.5, kl_loss_type=estimator)

    def reference(log_probs: Batch) -> float:
        surrogate = clipped(log_probs, low=0.2, high=0.2, dual=None)
        kl = penalties(log_probs, estimator)
        return references.aggregate(surrogate, mode, DIVISOR) + 0.5 * references.aggregate(
            kl, mode, DIVISOR
        )

    loss, slopes, _ = run(settings)
    assert loss == pytest.approx(reference(LOG_PROBS))
    agree(slopes, references.gradient(reference, LOG_PROBS))


def kl_term(aggregation: str, limit: float | None = None) -> KLTerm:
    return KLTerm(
        coef=0.5, estimator="k3", aggregation=aggregation, token_limit=limit, divisor=DIVISOR
    )


@pytest.mark.parametrize("aggregation", MODES)
@pytest.mark.parametrize("limit", [None, 0.05])
def test_kl_term_of_our_own(aggregation: str, limit: float | None) -> None:
    """oat's objective: a policy loss in means, the k3 penalty summed and bounded token by token
    (sail-sg/oat@56b9b57:oat/algorithms/ppo.py:466)."""
    mode = "seq-mean-token-mean"

    def reference(log_probs: Batch) -> float:
        surrogate = clipped(log_probs, low=0.2, high=0.2, dual=None)
        kl = references.aggregate(penalties(log_probs, "k3", limit), aggregation, DIVISOR)
        return references.aggregate(surrogate, mode, DIVISOR) + 0.5 * kl

    loss, slopes, _ = run(config(mode), kl_term(aggregation, limit))
    assert loss == pytest.approx(reference(LOG_PROBS))
    agree(slopes, references.gradient(reference, LOG_PROBS))
    found = [k for response in penalties(LOG_PROBS, "k3") for k in response]
    assert min(found) < 0.05 < max(found), "the bound must matter for some tokens only"


def test_our_kl_term_without_settings_of_its_own_is_verls() -> None:
    theirs = config("token-mean", use_kl_loss=True, kl_loss_coef=0.5, kl_loss_type="k3")
    assert run(config("token-mean"), kl_term("token-mean")) == run(theirs)


@pytest.mark.parametrize(("mode", "aggregation"), zip(MODES, [*MODES[1:], MODES[0]], strict=True))
def test_micro_batches_and_ranks_add_up_to_the_mini_batch(mode: str, aggregation: str) -> None:
    settings, kl = config(mode, entropy_coeff=0.1), kl_term(aggregation, 0.3)
    whole = run(settings, kl, masked=(1,))
    for parts in (((0,), (1, 3), (2,)), ((3, 0), (2, 1))):
        for ranks in (1, 2):
            loss, *slopes = run(settings, kl, parts=parts, masked=(1,), ranks=ranks)
            assert loss == pytest.approx(whole[0])
            for found, expected in zip(slopes, whole[1:], strict=True):
                agree(found, expected)


@pytest.mark.parametrize("mode", MODES)
def test_masked_responses_leave_every_term(mode: str) -> None:
    """DAPO's overlong filtering; TRL's mask_truncated_completions."""
    kl = penalties(LOG_PROBS, "k3")
    surrogate = clipped(LOG_PROBS, low=0.2, high=0.2, dual=None)
    for losses in (kl, surrogate):
        losses[2] = []
    expected = references.aggregate(surrogate, mode, DIVISOR) + 0.5 * references.aggregate(
        kl, mode, DIVISOR
    )
    loss, slopes, _ = run(config(mode), kl_term(mode), masked=(2,))
    assert loss == pytest.approx(expected)
    assert slopes[2] == [0.0] * LENGTHS[2] and any(slopes[0])


@pytest.mark.parametrize("mode", MODES)
def test_a_mini_batch_of_masked_responses_moves_nothing(mode: str) -> None:
    loss, slopes, _ = run(config(mode), kl_term(mode), masked=(0, 1, 2, 3))
    assert loss == 0.0 and all(v == 0.0 for response in slopes for v in response)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("parts", [((0, 1, 2, 3),), ((0, 2), (1,), (3,))])
def test_rows_that_only_fill_up_count_for_nothing(mode: str, parts: Any) -> None:
    """The mean is over the three responses that the mini-batch really has."""
    surrogate, kl = clipped(LOG_PROBS, low=0.2, high=0.2, dual=None), penalties(LOG_PROBS, "k3")
    bonus = ENTROPIES.copy()
    for losses in (surrogate, kl, bonus):
        losses.pop(2)
    expected = references.aggregate(surrogate, mode, DIVISOR)
    expected += 0.5 * references.aggregate(kl, mode, DIVISOR)
    expected -= 0.3 * references.aggregate(bonus, mode, DIVISOR)
    settings = config(mode, entropy_coeff=0.3)
    loss, slopes, _ = run(settings, kl_term(mode), parts=parts, masked=(2,), responses=3)
    assert loss == pytest.approx(expected)
    assert slopes[2] == [0.0] * LENGTHS[2] and any(slopes[3])


PAIRS = Preference(beta=0.4, best_weight=2.5, trust_coef=0.7, trust_estimator="k3", group_rows=None)


def preference_of(log_probs: Batch, rows: list[int]) -> float:
    return references.preference(
        [log_probs[row] for row in rows],
        [REF[row] for row in rows],
        [LEVELS[row] for row in rows],
        [GROUPS[row] for row in rows],
        beta=PAIRS.beta,
        best_weight=PAIRS.best_weight,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("parts", [((0, 1, 2, 3),), ((0, 1), (2, 3)), ((1,), (3, 2, 0))])
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_loss_over_pairs(mode: str, parts: Any, ranks: int) -> None:
    """TRPA: pairs of each micro-batch by its share of the responses, a trust region around the
    policy that sampled, and the entropy bonus."""

    def reference(log_probs: Batch) -> float:
        pairs = sum(preference_of(log_probs, list(rows)) * len(rows) / 4 for rows in parts)
        moved = [
            [references.kl("k3", p, o) for p, o in zip(*both, strict=True)]
            for both in zip(log_probs, OLD, strict=True)
        ]
        return pairs + 0.7 * references.aggregate(moved, mode, DIVISOR)

    bonus = 0.3 * references.aggregate(ENTROPIES, mode, DIVISOR)
    settings = config(mode, entropy_coeff=0.3)
    loss, slopes, _ = run(settings, parts=parts, ranks=ranks, preference=PAIRS)
    assert loss == pytest.approx(reference(LOG_PROBS) - bonus)
    agree(slopes, references.gradient(reference, LOG_PROBS))


def test_masked_responses_are_in_no_pair() -> None:
    loss, slopes, _ = run(config("token-mean"), masked=(1,), preference=PAIRS)
    rest = [0, 2, 3]
    moved = [
        references.kl("k3", p, o)
        for row in rest
        for p, o in zip(LOG_PROBS[row], OLD[row], strict=True)
    ]
    expected = preference_of(LOG_PROBS, rest) * 3 / 4 + 0.7 * sum(moved) / len(moved)
    assert loss == pytest.approx(expected) and slopes[1] == [0.0]
    nothing, slopes, _ = run(config("token-mean"), masked=(0, 1, 2, 3), preference=PAIRS)
    assert nothing == 0.0 and not any(v for response in slopes for v in response)


def test_the_value_loss_divides_by_the_responses_that_count() -> None:
    settings = SimpleNamespace(
        cliprange_value=0.5, loss_agg_mode="seq-mean-token-mean", loss_scale_factor=None
    )
    values = torch.tensor([v for r in LOG_PROBS for v in r], dtype=torch.float64)
    found = []
    for responses in (None, 2):
        data = micro_batch([0, 1, 2, 3], (1, 2), 1, responses)
        data["values"], data["returns"] = nested(OLD), nested(REF)
        loss, _ = critic_loss(settings, {"values": model_rows(values, [0, 1, 2, 3])}, data)
        found.append(float(loss))
    assert found[1] == pytest.approx(2 * found[0])


def test_the_value_loss_of_masked_responses_is_0() -> None:
    settings = SimpleNamespace(
        cliprange_value=0.5, loss_agg_mode="token-mean", loss_scale_factor=None
    )
    values = torch.zeros(sum(map(len, LOG_PROBS)), dtype=torch.float64)
    data = micro_batch([0, 1, 2, 3], (0, 1, 2, 3), 1, None)
    data["values"], data["returns"] = nested(OLD), nested(REF)
    loss, _ = critic_loss(settings, {"values": model_rows(values, [0, 1, 2, 3])}, data)
    assert float(loss) == 0.0


@pytest.mark.parametrize("mode", ["token-mean", "seq-mean-token-mean"])
def test_value_loss(mode: str) -> None:
    """The clipped value loss of PPO2 (Dhariwal et al. 2017)."""
    width = max(LENGTHS)

    def padded(batch: Batch) -> Any:
        return torch.tensor([[*r, *[0.0] * (width - len(r))] for r in batch], dtype=torch.float64)

    mask = padded([[1.0] * length for length in LENGTHS])
    old, targets = drawn(), drawn()
    values = [
        [o + d for o, d in zip(*rows, strict=True)] for rows in zip(old, drawn(), strict=True)
    ]

    def reference(batch: Batch) -> float:
        errors = [
            [references.value_error(v, o, t, 0.5) for v, o, t in zip(*rows, strict=True)]
            for rows in zip(batch, old, targets, strict=True)
        ]
        return references.aggregate(errors, mode, DIVISOR)

    predicted = padded(values).requires_grad_()
    loss, clipped_share = core_algos.compute_value_loss(
        predicted, padded(targets), padded(old), mask, cliprange_value=0.5, loss_agg_mode=mode
    )
    loss.backward()
    assert float(loss) == pytest.approx(reference(values)) and float(clipped_share) > 0
    slopes = [row[:length].tolist() for row, length in zip(predicted.grad, LENGTHS, strict=True)]
    agree(slopes, references.gradient(reference, values))


@pytest.mark.parametrize("estimator", ["k1", "abs", "k2", "k3"])
def test_kl_in_the_reward(estimator: str) -> None:
    """Ouyang et al. 2022, equation 2, token by token: r_t - beta KL_t."""
    from verl.protocol import DataProto
    from verl.trainer.ppo.ray_trainer import apply_kl_penalty

    width = max(LENGTHS)
    names = {"old_log_probs": LOG_PROBS, "ref_log_prob": REF, "token_level_scores": ADVANTAGES}
    names["response_mask"] = [[1.0] * length for length in LENGTHS]
    tensors = {
        name: torch.tensor([[*r, *[0.0] * (width - len(r))] for r in rows], dtype=torch.float64)
        for name, rows in names.items()
    }
    data = DataProto(batch=TensorDict(tensors, batch_size=len(LENGTHS)))
    shaped, _ = apply_kl_penalty(data, core_algos.FixedKLController(0.2), estimator)
    found = shaped.batch["token_level_rewards"]
    expected = [
        [score - 0.2 * k for score, k in zip(*rows, strict=True)]
        for rows in zip(ADVANTAGES, penalties(LOG_PROBS, estimator), strict=True)
    ]
    agree([row[:n].tolist() for row, n in zip(found, LENGTHS, strict=True)], expected)
