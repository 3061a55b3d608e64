"""Benchmarks, generation, grading and statistics: what turns a model into a score."""

import re

HELD_OUT = "held_out"
"""The benchmark that is the test part of a run's own data."""

METRIC = re.compile(r"^(?:(avg|mean|pass|maj|cons)@([1-9]\d*)|accuracy|greedy)$")
"""Metrics of published numbers that samples can be scored by."""

MEAN_TOKENS = "mean_tokens"
"""Metric of a published change of response length."""
