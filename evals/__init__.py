"""Benchmarks, generation, grading and statistics: what turns a model into a score."""

HELD_OUT = "held_out"
"""The benchmark that is the test part of a run's own data."""
