"""Metrics, protocols and the statistics of a claim on our samples."""

from typing import Any

import numpy as np
import pytest

from evals import stats
from evals.claimed import ClaimedScore, Protocol, Statistic, expected_k, read_metric
from evals.claims import OurScore, compare_protocols, measure, pass_variance

PROTOCOL = Protocol(
    benchmark="aime24", problems=30, temperature=0.6, top_p=0.95, max_tokens=32768,
    template="chat", grader="math",
)  # fmt: skip


def claim(percent: float, metric: str, k: int | None) -> ClaimedScore:
    return ClaimedScore(
        percent=percent, metric=metric, samples_per_problem=k, protocol=PROTOCOL, source="arXiv:0"
    )


@pytest.mark.parametrize(
    ("metric", "kind", "width", "k"),
    [
        ("avg@16", "avg", 1, 16),
        ("mean@4", "avg", 1, 4),
        ("pass@1", "avg", 1, None),
        ("maj@1", "avg", 1, None),
        ("accuracy", "avg", 1, None),
        (" Greedy ", "avg", 1, None),
        ("pass@8", "pass", 8, None),
        ("cons@64", "maj", 64, None),
        ("maj@4", "maj", 4, None),
    ],
)
def test_metrics(metric: str, kind: Any, width: int, k: int | None) -> None:
    assert read_metric(metric) == (Statistic(kind=kind, width=width), k)


@pytest.mark.parametrize("metric", ["pass@0", "pass@1 per budget", "g-pass@16", "", "success rate"])
def test_metrics_that_are_not_understood_are_refused(metric: str) -> None:
    with pytest.raises(ValueError, match="there are avg@k"):
        read_metric(metric)


def test_measured_values_are_those_of_stats() -> None:
    rng = np.random.default_rng(0)
    rows = (rng.random((30, 16)) < rng.beta(0.4, 0.6, (30, 1))).astype(float).tolist()
    score = OurScore(protocol=PROTOCOL, samples=rows)
    average = measure(score, Statistic(kind="avg", width=1))
    assert average.value == pytest.approx(stats.accuracy(rows).value)
    assert average.variance(16) == pytest.approx(stats.sampling_noise(rows).variance)
    assert average.variance(4) == pytest.approx(4 * average.variance(16))
    several = measure(score, Statistic(kind="pass", width=4))
    assert several.value == pytest.approx(stats.pass_at_k(rows, 4).value)


@pytest.mark.parametrize("width", [4, 16])
def test_noise_of_pass_at_k_is_no_smaller_than_seen_over_many_runs(width: int) -> None:
    rng = np.random.default_rng(1)
    chance = rng.beta(0.4, 0.6, 30)
    seen, stated = [], []
    for _ in range(150):
        rows = (rng.random((30, 16)) < chance[:, None]).astype(float).tolist()
        found = measure(
            OurScore(protocol=PROTOCOL, samples=rows), Statistic(kind="pass", width=width)
        )
        seen.append(found.value)
        stated.append(found.variance(16))
    assert 0.9 * np.var(seen) <= np.mean(stated) <= 3 * np.var(seen)


@pytest.mark.parametrize(("samples", "right", "width"), [(16, 0, 16), (16, 3, 4), (4, 4, 2)])
def test_variance_of_pass_at_k_is_the_mean_over_the_posterior(
    samples: int, right: int, width: int
) -> None:
    chance = np.random.default_rng(0).beta(right + 0.5, samples - right + 0.5, 200_000)
    missed = (1 - chance) ** width
    expected = np.mean(missed * (1 - missed))
    assert pass_variance(samples, right, width) == pytest.approx(expected, rel=0.02)


def test_claims_of_a_vote_have_the_noise_of_one_vote() -> None:
    rows, answers = [[1.0, 0.0] * 8] * 30, [["7", "8"] * 8] * 30
    score = OurScore(protocol=PROTOCOL, samples=rows, answers=answers)
    found = measure(score, Statistic(kind="maj", width=1))
    assert found.variance(1) == pytest.approx(0.25 / 30, rel=0.02)
    assert measure(score, Statistic(kind="maj", width=16)).value == 0.5


def test_equal_protocols_do_not_differ() -> None:
    assert compare_protocols(PROTOCOL, PROTOCOL) == ([], [])


@pytest.mark.parametrize(
    ("k", "margin", "expected"),
    [
        (64, None, 34),
        (16, None, None),  # an error of 3.33 / 3.24 points is allowed, avg@16 alone has 1.2
        (16, 0.05, 25),
        (None, 0.1, None),  # one sample is assumed: 4.8 points where 10 / 3.24 are allowed
    ],
)
def test_expected_samples(k: int | None, margin: float | None, expected: int | None) -> None:
    found = expected_k(claim(43.1, "pass@1", k), 30, run_sd=0.048, margin=margin)
    assert found == expected


def test_expected_samples_without_a_known_spread_take_the_bound() -> None:
    assert expected_k(claim(85.0, "avg@16", 16), 500) == expected_k(
        claim(85.0, "avg@16", 16), 500, run_sd=(0.85 * 0.15 / 500) ** 0.5
    )
    assert expected_k(claim(85.0, "avg@16", 16), 500) == 12


def test_expected_samples_are_never_fewer_than_the_metric_needs() -> None:
    assert expected_k(claim(99.0, "pass@8", None), 1319) == 8
