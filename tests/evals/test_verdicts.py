"""Verdicts on claims, on the control and on base against trained: words, reasons, error rates."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evals import verdicts
from evals.claimed import ClaimedScore, Protocol
from evals.claims import OurScore
from evals.intervals import Interval
from evals.verdicts import compare, control, judge

PROTOCOL = Protocol(
    benchmark="aime24",
    problems=30,
    temperature=0.6,
    top_p=0.95,
    max_tokens=32768,
    template="chat",
    grader="math",
)


def claim(
    percent: float, *, metric: str = "avg@64", k: int | None = 64, **fields: Any
) -> ClaimedScore:
    return ClaimedScore(
        percent=percent,
        metric=metric,
        samples_per_problem=k,
        protocol=replace(PROTOCOL, **fields),
        source="arXiv:0",
    )


def ours(right: list[int], k: int, **fields: Any) -> OurScore:
    """Samples of problems with this many right ones each."""
    rows = [[1.0] * number + [0.0] * (k - number) for number in right]
    return OurScore(protocol=replace(PROTOCOL, **fields), samples=rows)


HALF_OF_64 = [0] * 10 + [32] * 10 + [64] * 10  # 50 %, noise sd of avg@64: 0.66 points
HALF_OF_4 = [0] * 10 + [2] * 10 + [4] * 10


@pytest.mark.parametrize(
    ("percent", "word"),
    [(50.0, "reproduced"), (51.0, "reproduced"), (56.0, "below"), (44.0, "above")],
)
def test_words_that_the_interval_decides(percent: float, word: str) -> None:
    found = judge(claim(percent), ours(HALF_OF_64, 64))
    assert found.word == word
    assert found.k_needed is None
    assert found.difference is not None
    assert found.difference.value == pytest.approx(0.5 - percent / 100)


def test_interval_has_the_noise_of_both_sides() -> None:
    found = judge(claim(50.0, k=16), ours(HALF_OF_64, 64))
    within = 10 * (0.25 * 64 / 63) / 30**2
    assert found.difference is not None
    assert found.difference.half_width == pytest.approx(
        1.96 * (within / 64 + within / 16) ** 0.5, rel=1e-3
    )
    assert found.difference.method == "sampling"


def test_wide_interval_around_zero_names_the_samples_that_would_decide() -> None:
    found = judge(claim(51.0, k=64), ours(HALF_OF_4, 4))
    assert found.word == "not distinguishable"
    assert found.k_needed is not None
    assert f"About {found.k_needed} samples a problem would decide" in " ".join(found.sentences)
    k = 2 * (found.k_needed // 2) + 2
    enough = ours([0] * 10 + [k // 2] * 10 + [k] * 10, k)
    assert judge(claim(51.0, k=64), enough).word == "reproduced"


def test_claim_from_too_few_samples_cannot_be_decided() -> None:
    found = judge(claim(52.0, metric="pass@1", k=4), ours(HALF_OF_64, 64))
    assert found.word == "not distinguishable"
    assert found.k_needed is None
    reason = " ".join(found.sentences)
    assert "No number of samples here decides it" in reason
    least = int(reason.split("a claim needs more than ")[1].split()[0])
    many = ours([0] * 10 + [5000] * 10 + [10_000] * 10, 10_000)
    assert judge(claim(52.0, k=int(0.9 * least)), many).word == "not distinguishable"
    assert judge(claim(52.0, k=int(1.1 * least)), many).word != "not distinguishable"


def test_margin_is_one_problem_or_two_points_and_can_be_given() -> None:
    assert judge(claim(50.0), ours(HALF_OF_64, 64)).margin == pytest.approx(1 / 30)
    many = ours(HALF_OF_64 * 10, 64, problems=300)
    assert judge(claim(50.0, problems=300), many).margin == 0.02
    assert judge(claim(50.0), ours(HALF_OF_64, 64), margin=0.01).word == "not distinguishable"
    assert judge(claim(56.0), ours(HALF_OF_64, 64), margin=0.1).word == "reproduced"


def test_below_says_whether_it_is_surely_more_than_matters() -> None:
    near = judge(claim(53.5), ours(HALF_OF_64, 64))
    far = judge(claim(60.0), ours(HALF_OF_64, 64))
    assert near.word == far.word == "below"
    assert "though partly within the 3.3 points" in near.sentences[1]
    assert "below zero by more than the 3.3 points" in far.sentences[1]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("temperature", 0.8, "temperature: 0.8 claimed, 0.6 here"),
        ("temperature", 0.0, "temperature: 0.0 claimed, 0.6 here"),
        ("top_p", 1.0, "top_p: 1.0 claimed, 0.95 here"),
        ("max_tokens", 8192, "max_tokens: 8192 claimed, 32768 here"),
        ("grader", "strict box", "grader: strict box claimed, math here"),
        ("template", "raw", "template: raw claimed, chat here"),
        ("problems", 83, "problems: 83 claimed, 30 here"),
        ("benchmark", "aime25", "benchmark: aime25 claimed, aime24 here"),
    ],
)
def test_another_protocol_is_shown_and_not_tested(field: str, value: Any, words: str) -> None:
    found = judge(claim(43.1, **{field: value}), ours(HALF_OF_64, 64))
    assert found.word == "protocol differs"
    assert found.differing == (words,)
    assert found.difference is None
    assert "Claimed 43.1" in found.sentences[0]
    assert "measured 50.0" in found.sentences[0]


def test_another_number_of_samples_or_spelling_is_the_same_protocol() -> None:
    same = claim(50.0, metric="avg@16", k=16, template=" Chat", temperature=0.6 + 1e-15)
    assert judge(same, ours(HALF_OF_64, 64)).word == "reproduced"


def test_top_p_does_not_matter_to_greedy_decoding() -> None:
    greedy = claim(50.0, metric="greedy", k=1, temperature=0.0, top_p=1.0)
    assert judge(greedy, ours(HALF_OF_64, 64, temperature=0.0)).differing == ()


def test_unstated_fields_are_listed_and_do_not_stop_the_verdict() -> None:
    found = judge(claim(50.0, top_p=None, grader=None), ours(HALF_OF_64, 64))
    assert found.word == "reproduced"
    assert found.unknown == ("top_p", "grader")
    assert "Not stated, and taken to be the same: top_p, grader." in found.sentences


def test_unstated_samples_count_as_one() -> None:
    unstated = judge(claim(50.0, metric="accuracy", k=None), ours(HALF_OF_64, 64))
    one = judge(claim(50.0, metric="accuracy", k=1), ours(HALF_OF_64, 64))
    assert unstated.difference == one.difference
    assert any("does not state its samples a problem" in text for text in unstated.sentences)
    named = judge(claim(50.0, metric="avg@64", k=None), ours(HALF_OF_64, 64))
    assert named.word == "reproduced"


def test_greedy_repeats_are_copies() -> None:
    copies = ours([4] * 15 + [0] * 15, 4, temperature=0.0)
    found = judge(claim(60.0, metric="greedy", k=1, temperature=0.0), copies)
    assert found.difference is not None
    assert found.difference.method == "bound"
    assert found.difference.half_width == pytest.approx(1.96 * (2 * 0.25 / 30) ** 0.5, rel=1e-3)
    assert "More greedy samples are copies and decide nothing." in found.sentences
    assert "1 sample on each of 30 problems" in found.sentences[0]


def test_greedy_samples_cannot_vote() -> None:
    copies = ours([64] * 30, 64, temperature=0.0)
    found = judge(claim(80.0, metric="maj@64", temperature=0.0), copies)
    assert (found.word, found.k_needed) == ("not run", None)
    sampled = judge(claim(80.0, metric="maj@64"), copies)
    assert sampled.word == "protocol differs"
    assert "needs 64 samples a problem; 1 counts here" in sampled.sentences[0]


def test_one_sample_is_said_to_be_a_bound() -> None:
    found = judge(claim(50.0, k=1, metric="pass@1"), ours([1] * 15 + [0] * 15, 1))
    assert found.word == "not distinguishable"
    assert any("interval is an upper bound" in text for text in found.sentences)
    assert any("take those first" in text for text in found.sentences)


def test_every_verdict_says_that_training_seeds_are_left_out() -> None:
    for percent in (50.0, 56.0):
        assert "training seed" in judge(claim(percent), ours(HALF_OF_64, 64)).sentences[-1]


def test_pass_at_k_claims_are_compared_with_pass_at_k() -> None:
    found = judge(claim(66.7, metric="pass@8", k=64), ours(HALF_OF_64, 64))
    assert found.word == "reproduced"
    short = judge(claim(66.7, metric="pass@8", k=8), ours(HALF_OF_4, 4))
    assert (short.word, short.k_needed) == ("not run", 8)


def test_majority_claims_are_compared_with_the_majority() -> None:
    samples = [[1.0] * 40 + [0.0] * 24] * 30
    answers = [["7"] * 40 + ["8"] * 24] * 30
    score = OurScore(protocol=PROTOCOL, samples=samples, answers=answers)
    found = judge(claim(100.0, metric="cons@64", k=64), score)
    assert found.difference is not None
    assert found.difference.value == pytest.approx(0.0)
    with pytest.raises(ValueError, match="needs the extracted answers"):
        judge(claim(100.0, metric="maj@64"), OurScore(protocol=PROTOCOL, samples=samples))


def test_metric_that_samples_do_not_give_differs() -> None:
    found = judge(claim(50.0, metric="cons@7 at 20k total tokens"), ours(HALF_OF_64, 64))
    assert found.word == "protocol differs"
    assert "no metric that samples give" in found.sentences[0]


def test_nothing_measured_is_not_run() -> None:
    assert judge(claim(43.1), None).word == "not run"


@pytest.mark.parametrize("percent", [-1.0, 101.0])
def test_claim_must_be_a_percentage(percent: float) -> None:
    with pytest.raises(ValueError, match="percentage from 0 to 100"):
        claim(percent)


def test_problems_with_different_numbers_of_samples_are_refused() -> None:
    uneven = OurScore(protocol=PROTOCOL, samples=[[1.0, 0.0], [1.0, 0.0, 1.0]])
    with pytest.raises(ValueError, match=r"same number of samples, got \[2, 3\]"):
        judge(claim(50.0), uneven)


@pytest.mark.parametrize(("k", "claim_k"), [(4, 16), (16, 4)])
def test_equal_models_are_called_below_or_above_at_most_once_in_twenty(
    k: int, claim_k: int
) -> None:
    rng = np.random.default_rng(k)
    wrong = 0
    for _ in range(300):
        chance = rng.beta(0.3, 0.7, 30)
        published = claim(100 * rng.binomial(claim_k, chance).mean() / claim_k, k=claim_k)
        found = judge(published, ours(rng.binomial(k, chance).tolist(), k))
        wrong += found.word in ("below", "above")
    assert wrong / 300 <= 0.08


# The control.


@pytest.mark.parametrize(
    ("percent", "word", "pointless"),
    [
        (50.0, "confirmed", False),
        (60.0, "claim does not hold", True),
        (53.5, "undecided", False),
        (44.0, "reads higher", False),
    ],
)
def test_control(percent: float, word: str, pointless: bool) -> None:
    released = judge(claim(percent), ours(HALF_OF_64, 64))
    found = control(released)
    assert (found.word, found.pointless) == (word, pointless)
    assert found.sentences[1:] == released.sentences


def test_control_under_another_protocol_or_not_run_is_undecided() -> None:
    other = control(judge(claim(60.0, temperature=1.0), ours(HALF_OF_64, 64)))
    assert (other.word, other.pointless) == ("undecided", False)
    assert control(judge(claim(60.0), None)).word == "not run"


# Base against trained.


@pytest.mark.parametrize(("changed", "word"), [(5, "not distinguishable"), (6, "improved")])
def test_few_changed_problems_are_no_improvement(changed: int, word: str) -> None:
    before = [[0.0]] * 30
    after = [[1.0]] * changed + [[0.0]] * (30 - changed)
    found = compare(before, after)
    assert (found.word, found.changed) == (word, changed)
    assert found.p_value == 2 / 2**changed
    if changed < verdicts.FEWEST_CHANGED:
        assert "5 problems changed" in found.sentence


def test_clear_change_is_named_in_its_direction() -> None:
    low, high = [[0.0, 0.0, 1.0, 0.0]] * 30, [[1.0, 1.0, 1.0, 0.0]] * 30
    better, worse = compare(low, high), compare(high, low)
    assert better.sentence.startswith("improved: the 95 % interval of the paired difference")
    assert better.sentence.endswith("do not overlap")
    assert worse.word == "got worse"
    assert (better.paired.value, worse.sampling.value) == (0.5, -0.5)


def test_bootstrap_alone_does_not_make_an_improvement() -> None:
    """The interval excludes zero, the exact test does not."""
    paired = Interval(value=0.1, low=0.01, high=0.2, method="bootstrap")
    word, sentence = verdicts.change_in_words(paired, 9, 0.07)
    assert word == "not distinguishable"
    assert "chance of 7% (exact sign-flip test)" in sentence


@pytest.mark.parametrize(("problems", "k", "count"), [(30, 1, 200), (30, 4, 200), (320, 4, 40)])
def test_same_model_twice_improves_or_worsens_at_most_once_in_twenty(
    problems: int, k: int, count: int
) -> None:
    """bench/coverage.py has the full table; the bounds leave two standard errors."""
    rng = np.random.default_rng([problems, k])
    different = 0
    for _ in range(count):
        chance = rng.beta(0.3, 0.7, (problems, 1))
        runs = [(rng.random((problems, k)) < chance).astype(float).tolist() for _ in range(2)]
        different += compare(*runs).word != "not distinguishable"
    assert different / count <= 0.05 + 2 * (0.05 * 0.95 / count) ** 0.5
