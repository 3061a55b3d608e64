"""Who says whether a response is right: a grader of evals/grading, or the run's own reward; read by
evals/run.py."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evals.grading import Item, grade_all, version
from evals.job import Frozen, GeneratedSample
from harness.errors import EvaluationError
from harness.functions import function_named
from harness.rewards import Sample, Score
from harness.spec import Reward

DISAGREE = "graders disagree"
RewardFunction = Callable[..., Score]


class Graded(Frozen):
    """One line of verdicts-<label>.jsonl."""

    id: str
    """The problem's id."""
    sample: int
    """Number of the sample."""
    value: float
    """The reward; 0 or 1 when a grader judges."""
    correct: bool
    """True when the answer itself is right."""
    extracted: str | None
    """The answer as found."""
    how: str = ""
    """The step that decided."""
    doubt: str | None = None
    """Why a person should look at it: a class of evals.grading.DOUBTS, truncated, or DISAGREE."""
    second: bool | None = None
    """What the second grader says; null without one."""
    components: dict[str, float] = {}  # noqa: RUF012  (pydantic copies it)
    """Named parts of the reward."""


class Judge(Protocol):
    """Grades samples; the description is part of the protocol."""

    def describe(self) -> dict[str, Any]:
        """Name, arguments and version."""
        ...

    def grade(self, samples: Sequence[GeneratedSample], truths: Mapping[str, Any]) -> list[Graded]:
        """One verdict for each sample, in the order given; truths by problem id."""
        ...


def with_truncation(doubt: str | None, correct: bool, truncated: bool | None) -> str | None:
    """A wrong response that the limit cut short is doubtful for that reason before any other."""
    return "truncated" if truncated and not correct else doubt


@dataclass(frozen=True, slots=True)
class GraderJudge:
    """A grader by name."""

    name: str

    def describe(self) -> dict[str, Any]:
        """Name and version."""
        return {"name": self.name, "version": version(self.name)}

    def grade(self, samples: Sequence[GeneratedSample], truths: Mapping[str, Any]) -> list[Graded]:
        """Grades on all cores."""
        items = [Item(truth=truths[sample.id], response=sample.response) for sample in samples]
        verdicts = grade_all(items, grader=self.name)
        return [
            Graded(
                id=sample.id,
                sample=sample.sample,
                value=float(verdict.correct),
                correct=verdict.correct,
                extracted=verdict.extracted,
                how=verdict.how,
                doubt=with_truncation(verdict.doubt, verdict.correct, sample.truncated),
            )
            for sample, verdict in zip(samples, verdicts, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class RewardJudge:
    """The reward that the run trains with."""

    reward: Reward

    def describe(self) -> dict[str, Any]:
        """Function, arguments and the hash of its source file: a changed reward is another one."""
        source = inspect.getsourcefile(inspect.unwrap(load_reward(self.reward)))
        content = Path(source).read_bytes() if source else b""
        return {
            "name": self.reward.function,
            "arguments": self.reward.arguments,
            "version": hashlib.sha256(content).hexdigest(),
        }

    def grade(self, samples: Sequence[GeneratedSample], truths: Mapping[str, Any]) -> list[Graded]:
        """Grades one after the other."""
        function = load_reward(self.reward)
        return [self._graded(function, sample, truths[sample.id]) for sample in samples]

    def _graded(self, function: RewardFunction, sample: GeneratedSample, truth: Any) -> Graded:
        try:
            score = function(
                Sample(
                    prompt=sample.prompt,
                    response=sample.response,
                    ground_truth=truth,
                    response_tokens=sample.response_tokens,
                    truncated=bool(sample.truncated),
                ),
                **self.reward.arguments,
            )
        except Exception as error:
            raise EvaluationError(
                f"reward {self.reward.function} failed on problem {sample.id}, sample "
                f"{sample.sample}: {type(error).__name__}: {error}; the response is kept in the "
                "sample file, mend the reward and run again"
            ) from error
        return Graded(
            id=sample.id,
            sample=sample.sample,
            value=score.value,
            correct=score.correct,
            extracted=score.extracted,
            how="reward",
            doubt=with_truncation(None, score.correct, sample.truncated),
            components=dict(score.components),
        )


def judged(
    judge: Judge,
    second: "GraderJudge | None",
    samples: Sequence[GeneratedSample],
    truths: Mapping[str, Any],
) -> list[Graded]:
    """The judge's verdicts, with the second grader's beside them; a disagreement is a doubt."""
    first = judge.grade(samples, truths)
    if second is None:
        return first
    return [
        line.model_copy(
            update={
                "second": again.correct,
                "doubt": line.doubt or (DISAGREE if line.correct != again.correct else None),
            }
        )
        for line, again in zip(first, second.grade(samples, truths), strict=True)
    ]


def load_reward(reward: Reward) -> RewardFunction:
    """The function that `module:function` names."""
    found: RewardFunction = function_named(reward.function, "reward.function")
    return found
