"""Benchmarks, generation, grading and statistics: what turns a model into a score."""

BENCHMARKS = ("held_out",)
"""Test sets that can be measured; held_out is the test part of the run's own data."""
