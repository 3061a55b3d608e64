"""A reward that raises, for the end-to-end test of failures."""

from harness.rewards import Sample, Score


def failing(sample: Sample) -> Score:
    """Always raises."""
    raise RuntimeError("the reward met a response it cannot read")
