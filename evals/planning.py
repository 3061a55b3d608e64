"""How many samples a difference needs, as pure functions; read by the plan and evals/verdicts.py.

All differences and standard deviations are shares (0.05 is five points).
"""

from math import ceil, sqrt

from evals.normal import NORMAL, Z95

POWER = 0.8


def detectable_difference(run_sd: float, k: int, *, power: float = POWER) -> float:
    """Smallest true difference of two avg@k on the same problems that is found with this power.

    `run_sd` is the standard deviation of a one-sample run; the test is two-sided at 5 %.
    """
    return (Z95 + NORMAL.inv_cdf(power)) * run_sd * sqrt(2 / k)


def samples_for_difference(run_sd: float, difference: float, *, power: float = POWER) -> int:
    """Samples per problem that two runs each need so that this difference is found."""
    if difference <= 0:
        raise ValueError(f"the difference must be a share above 0, got {difference}")
    return max(1, ceil(2 * ((Z95 + NORMAL.inv_cdf(power)) * run_sd / difference) ** 2))


def largest_run_sd(accuracy: float, problems: int) -> float:
    """Upper bound of a one-sample run's standard deviation: all problems equally hard.

    It is as well the standard error that the draw of problems has at most, which no k shrinks.
    """
    return sqrt(accuracy * (1 - accuracy) / problems)


def samples_to_reproduce(
    run_sd: float, margin: float, claim_variance: float, *, power: float = POWER
) -> int | None:
    """Samples per problem with which an equal model is called reproduced with this power.

    The whole 95 % interval of ours - claim must lie within the margin on both sides.

    Returns:
        None when the claim's own sampling noise is too large for any number of samples.
    """
    error = margin / (Z95 + NORMAL.inv_cdf((1 + power) / 2))
    left = error**2 - claim_variance
    return max(1, ceil(run_sd**2 / left)) if left > 0 else None
