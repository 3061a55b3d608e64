"""The standard normal distribution, for intervals and the planning of samples."""

from statistics import NormalDist

NORMAL = NormalDist()
Z95 = NORMAL.inv_cdf(0.975)
