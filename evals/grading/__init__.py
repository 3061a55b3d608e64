"""Grades responses against gold answers; read by evaluations, rewards, lm-eval tasks and scripts.

Importing it imports no symbolic engine. No response is ever executed: answers are parsed, every
item has static limits, and what needs more than plain arithmetic runs in worker processes that
the kernel ends when an item's CPU time is spent.
"""

import difflib
import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ConfigError

DOUBTS = (
    "no answer",
    "parser error",
    "right answer seen but not extracted",
    "limit reached",
)
"""The classes of verdicts that a person should look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a grader says about one response."""

    correct: bool
    extracted: str | None
    """The answer as found in the response; None when there is none."""
    how: str
    """The step that decided: text, number, structure, symbolic, choice, ..."""
    doubt: str | None = None
    """One of DOUBTS, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One response to grade."""

    truth: Mapping[str, Any]
    """Ground-truth fields of the problem, JSON values; graders of mathematics read `answer`."""
    response: str
    """The response as generated."""


Grader = Callable[[Mapping[str, Any], str], Verdict]
"""(ground-truth fields of a problem, response) -> verdict."""

CLAIMANTS = (
    "dapo",
    "dr_grpo",
    "gsm8k_strict",
    "last_number",
    "math_verify",
    "math_verify_latex",
    "mathd_sympy",
    "minerva",
    "orz",
    "qwen",
    "qwen_math_verify",
    "strict_box",
)

GRADERS: dict[str, str] = {
    "reprise": "evals.grading.reprise:grade",
    "countdown": "evals.grading.puzzles:countdown",
    "knights_and_knaves": "evals.grading.puzzles:knights_and_knaves",
    "qwen_raw_gold": "evals.grading.claimants.qwen:grade_raw_gold",
    "qwen_stated": "evals.grading.claimants.qwen:grade_stated",
    **{name: f"evals.grading.claimants.{name}:grade" for name in CLAIMANTS},
    "mathd_sympy_tags": "evals.grading.claimants.mathd_sympy:grade_tags",
    "dr_grpo_fast": "evals.grading.claimants.dr_grpo:grade_fast",
    "math_verify_latex_gold": "evals.grading.claimants.math_verify_latex:grade_latex_gold",
    "dr_grpo_tags": "evals.grading.claimants.dr_grpo:grade_tags",
    "dr_grpo_tags_fast": "evals.grading.claimants.dr_grpo:grade_tags_fast",
}
"""Name of a grader -> module:function, imported when it is first used."""


def graders() -> tuple[str, ...]:
    """The names of all graders."""
    return tuple(GRADERS)


def _target(grader: str) -> tuple[str, str]:
    if grader not in GRADERS:
        near = difflib.get_close_matches(grader, GRADERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"no grader {grader!r}{hint} Allowed: {', '.join(GRADERS)}")
    module, _, function = GRADERS[grader].partition(":")
    return module, function


def lookup(grader: str) -> Grader:
    """The function behind a name, to be run as it is: without the limits of a worker process.

    Raises:
        ConfigError: there is no such grader; names the nearest.
    """
    module, function = _target(grader)
    found: Grader = getattr(importlib.import_module(module), function)
    return found


def is_correct(gold: str, response: str) -> bool:
    """Whether the response's final answer equals `gold`; from any thread and any process."""
    return grade(gold, response).correct


def grade(gold: str, response: str, *, grader: str = "reprise") -> Verdict:
    """The verdict of one grader on one response.

    Raises:
        ConfigError: there is no such grader.
    """
    return grade_all([Item(truth={"answer": gold}, response=response)], grader=grader, workers=1)[0]


def grade_all(
    items: Sequence[Item], *, grader: str = "reprise", workers: int | None = None
) -> list[Verdict]:
    """The verdict on every item, in the order given.

    Args:
        items: Any number of responses.
        grader: A name of GRADERS.
        workers: Worker processes at most; every core this process may use when None. The
            verdicts do not depend on it.

    Raises:
        ConfigError: there is no such grader.
    """
    _target(grader)
    from evals.grading import pool

    return pool.grade_all(items, grader, workers)


def canonical(answer: str) -> str:
    """One text for answers that are equal at a glance, so that votes for them count together.

    Rational numbers become integers or reduced fractions (033, 33.0, $33$ -> 33; 0.5 -> 1/2),
    options their letter, everything else its normalised text. Bounded, in this process.
    """
    from evals.grading import canonical_text

    return canonical_text.canonical(answer)


def version(grader: str) -> str:
    """sha256 over the source files that decide, for the protocol's hash.

    Raises:
        ConfigError: there is no such grader.
    """
    module, _ = _target(grader)
    spec = importlib.util.find_spec(module)
    folders = {Path(__file__).parent}
    if spec is not None and spec.origin is not None:
        folders.add(Path(spec.origin).parent)  # with the modules that the grader's own imports
    digest = hashlib.sha256()
    for file in sorted(file for folder in folders for file in folder.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
