"""Skywork-OR1's rule, read by the recipe's reward and by conformance: 1 for a right answer behind
the thinking part, or for a program that passes every test, else 0.

Source: SkyworkAI/Skywork-OR1@64e96afa213ae89d0ad21932106d3b8aafe9ace2:
verl/utils/reward_score/livecodebench/compute_score.py
"""

import json
from collections.abc import Mapping
from typing import Any

from evals.grading import grade
from harness.rewards import Sample, Score
from harness.rewards.boxed import gold_answers
from reproductions.skywork_or1.code import interpreted, program_in, sandboxed

THINKING_ENDS = "</think>"


def math_or_code(sample: Sample, *, sandbox_url: str | None = None) -> Score:
    """The score of a response; a mapping among the golds holds the tests of a program.

    Args:
        sample: the response; its ground truth is one answer, a list of them or tests, as they are,
            as JSON, or in the field `answer`.
        sandbox_url: where programs run; null computes those of a small subset and fails the rest.
    """
    golds = decoded(sample.ground_truth)
    if isinstance(golds, Mapping):
        return code(sample, sandbox_url=sandbox_url)
    return math(sample)


def math(sample: Sample) -> Score:
    """1 when math-verify takes the answer behind the thinking part for one of the golds."""
    text = after_thinking(sample.response)
    golds = gold_answers(decoded(sample.ground_truth))
    verdicts = [grade(gold, text, grader="math_verify") for gold in golds]
    extracted = verdicts[0].extracted if verdicts else None
    correct = extracted in golds or any(verdict.correct for verdict in verdicts)
    return score(correct, extracted, is_code=False)


def code(sample: Sample, *, sandbox_url: str | None = None) -> Score:
    """1 when the last Python block behind the thinking part passes every test."""
    tests = decoded(sample.ground_truth)
    program = program_in(after_thinking(sample.response))
    passes = False
    if program is not None and sandbox_url:
        passes = sandboxed(program, tests, sandbox_url)
    elif program is not None:
        passes = interpreted(program, tests)
    return score(passes, program, is_code=True)


def needs_sandbox(ground_truth: Any) -> str | None:
    """Why a problem cannot be scored without a sandbox; None for mathematics."""
    if isinstance(decoded(ground_truth), Mapping):
        return "its answer is a program, which needs a sandbox (reward=skywork_or1_sandbox)"
    return None


def decoded(ground_truth: Any) -> Any:
    """Golds or tests: the data set writes both as JSON text."""
    if isinstance(ground_truth, Mapping) and set(ground_truth) == {"answer"}:
        ground_truth = ground_truth["answer"]
    if isinstance(ground_truth, str) and ground_truth[:1] in ("[", "{"):
        try:
            content = json.loads(ground_truth)
        except json.JSONDecodeError:  # an answer may begin like that too: a set, for one
            return ground_truth
        # An interval is no list of golds: the data set's lists hold text.
        is_golds = isinstance(content, Mapping) or all(isinstance(gold, str) for gold in content)
        return content if is_golds else ground_truth
    return ground_truth


def after_thinking(text: str) -> str:
    """What stands between the first </think> and the next; all of it without one."""
    return text.split(THINKING_ENDS)[1] if THINKING_ENDS in text else text


def score(correct: bool, extracted: str | None, *, is_code: bool) -> Score:
    """A verdict with the same parts for both kinds of problem."""
    return Score(
        value=float(correct),
        correct=correct,
        extracted=extracted,
        components={"answered": float(extracted is not None), "code": float(is_code)},
    )
