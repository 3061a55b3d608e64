"""Benchmarks as data: one YAML card each, problems from a file, the cache or a pinned source.

Evaluations, lm-eval tasks, sample logs and the contamination check take their problems from here.
"""

from evals.benchmarks.cards import BenchmarkCard, describe, grader_of, names
from evals.benchmarks.load import load_problems
from evals.benchmarks.problems import Loaded, Problem

__all__ = [
    "BenchmarkCard",
    "Loaded",
    "Problem",
    "describe",
    "grader_of",
    "load_problems",
    "names",
]
