"""The planning figures of the protocol notes, and power by simulation."""

import numpy as np
import pytest

from evals.claimed import ClaimedScore, Protocol
from evals.claims import OurScore
from evals.planning import (
    detectable_difference,
    largest_run_sd,
    samples_for_difference,
    samples_to_reproduce,
)
from evals.verdicts import judge

AIME24_RUN_SD = 0.048  # DeepSeek-R1-Distill-Qwen-1.5B, bethgelab/sober-reasoning@8fceffd:data.json


@pytest.mark.parametrize(("difference", "k"), [(0.05, 15), (0.03, 41), (0.02, 91), (0.01, 362)])
def test_samples_for_a_difference_on_aime24(difference: float, k: int) -> None:
    assert samples_for_difference(AIME24_RUN_SD, difference) == k
    assert detectable_difference(AIME24_RUN_SD, k) <= difference
    assert detectable_difference(AIME24_RUN_SD, k - 1) > difference


@pytest.mark.parametrize(
    ("accuracy", "problems", "points"), [(0.29, 30, 8.3), (0.29, 60, 5.9), (0.85, 500, 1.6)]
)
def test_the_draw_of_problems(accuracy: float, problems: int, points: float) -> None:
    assert 100 * largest_run_sd(accuracy, problems) == pytest.approx(points, abs=0.05)


def test_no_difference_needs_no_number_of_samples() -> None:
    with pytest.raises(ValueError, match="above 0, got 0"):
        samples_for_difference(0.05, 0.0)


def test_claim_noise_that_no_sample_of_ours_removes() -> None:
    """The error may be 3.33 / 3.24 = 1.03 points; avg@16 of the claim alone has 1.2."""
    assert samples_to_reproduce(AIME24_RUN_SD, 1 / 30, AIME24_RUN_SD**2 / 16) is None
    assert samples_to_reproduce(AIME24_RUN_SD, 1 / 30, AIME24_RUN_SD**2 / 64) == 34


def test_planned_samples_reproduce_an_equal_model_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    chance = rng.beta(0.6, 0.6, 30)
    sd = float(np.mean(chance * (1 - chance)) / 30) ** 0.5
    claim_k = 64
    k = samples_to_reproduce(sd, 1 / 30, sd**2 / claim_k)
    assert k is not None
    protocol = Protocol(
        benchmark="aime24", problems=30, temperature=0.6, top_p=0.95, max_tokens=32768,
        template="chat", grader="math",
    )  # fmt: skip
    reproduced = 0
    for _ in range(200):
        published = 100 * rng.binomial(claim_k, chance).mean() / claim_k
        claim = ClaimedScore(
            percent=published, metric=f"avg@{claim_k}", samples_per_problem=claim_k,
            protocol=protocol, source="simulated",
        )  # fmt: skip
        samples = (rng.random((30, k)) < chance[:, None]).astype(float).tolist()
        reproduced += (
            judge(claim, OurScore(protocol=protocol, samples=samples)).word == "reproduced"
        )
    assert 0.72 <= reproduced / 200 <= 0.88
