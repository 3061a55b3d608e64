"""Qwen2.5-Math's extraction, then math-verify on the two answers in boxes; rewards train with it.

Source: hkust-nlp/simpleRL-reason@cf1c785:verl/utils/reward_score/hf_math_verify.py.
"""

from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged
from evals.grading.claimants.math_verify import equal
from evals.grading.claimants.qwen import extracted


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when math-verify takes the extracted answer, down to the last number, for the gold."""
    return judged(truth, extracted(response) or None, equal, "math-verify")
