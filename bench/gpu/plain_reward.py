"""TinyZero's rule as a scoring function of verl's own kind, text in and number out; verl calls it
in the part `alone`."""

import json
from typing import Any

from harness.rewards import Sample
from reproductions.tinyzero.reward import countdown


def score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    """The reward of one response, of which verl passes the text alone."""
    truth = json.loads(ground_truth)
    return countdown(Sample(prompt="Assistant:", response=solution_str, ground_truth=truth)).value
