"""Grades sample files with a run's own reward function; read by evals/run.py."""

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.job import Frozen, GeneratedSample
from harness.errors import ConfigError, EvaluationError
from harness.rewards import Sample, Score
from harness.spec import Reward

RewardFunction = Callable[..., Score]


class Graded(Frozen):
    """One line of verdicts-<label>.jsonl."""

    id: str
    """The prompt's id."""
    sample: int
    """Number of the sample."""
    value: float
    """The reward."""
    correct: bool
    """True when the answer itself is right."""
    extracted: str | None
    """The answer as found."""
    components: dict[str, float]
    """Named parts of the reward."""


def load_reward(reward: Reward) -> RewardFunction:
    """The function that `module:function` names."""
    module, _, name = reward.function.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"reward.function {reward.function!r} cannot be imported ({error}); give "
            "module:function of a function that maps a Sample to a Score"
        ) from error
    found: RewardFunction = function
    return found


def grader_version(function: RewardFunction) -> str:
    """sha256 of the source file of the reward: a changed grader is another grader."""
    source = inspect.getsourcefile(inspect.unwrap(function))
    if source is None:
        return "unknown"
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()


def grade(
    samples: Sequence[GeneratedSample],
    ground_truths: Mapping[str, Any],
    reward: Reward,
    function: RewardFunction,
) -> list[Graded]:
    """The verdict on every sample, in the order given."""
    graded = []
    for sample in samples:
        try:
            score = function(
                Sample(
                    prompt=sample.prompt,
                    response=sample.response,
                    ground_truth=ground_truths[sample.id],
                    response_tokens=sample.response_tokens,
                    truncated=sample.truncated,
                ),
                **reward.arguments,
            )
        except Exception as error:
            raise EvaluationError(
                f"reward {reward.function} failed on problem {sample.id}, sample "
                f"{sample.sample}: {type(error).__name__}: {error}; the response is kept in the "
                "sample file, mend the reward and run again"
            ) from error
        graded.append(
            Graded(
                id=sample.id,
                sample=sample.sample,
                value=score.value,
                correct=score.correct,
                extracted=score.extracted,
                components=dict(score.components),
            )
        )
    return graded
