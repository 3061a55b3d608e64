"""Benchmarks, generation, grading and statistics: what turns a model into a score."""
