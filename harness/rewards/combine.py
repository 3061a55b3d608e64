"""A reward as a weighted sum of named parts, written down in YAML; recipes with several rewards use
it, and every part is logged by its name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from harness.errors import ConfigError
from harness.functions import function_named
from harness.rewards import Sample, Score

Scorer = Callable[..., Score]


def weighted(
    sample: Sample,
    *,
    parts: Sequence[Mapping[str, Any]],
    accuracy: str,
    end_tokens: Sequence[str] = (),
) -> Score:
    """The weighted sum of the parts.

    Args:
        sample: the response.
        parts: for each part its `name`, its `function` (`module:function`, a scorer), and, where
            they differ from 1 and none, its `weight` and the `arguments` of the function.
        accuracy: the part that says whether the answer is right, and what it is.
        end_tokens: texts of the tokens that end a response, for parts that must not see them
            because upstream decodes without special tokens.

    Returns:
        The sum; the components are the parts' values before weighting.

    Raises:
        ConfigError: no part has the name that accuracy asks for, two parts share a name, or a
            function cannot be imported.
    """
    shown = replace(sample, response=without_end(sample.response, end_tokens))
    scores = {part["name"]: scored(shown, part) for part in parts}
    if accuracy not in scores or len(scores) < len(parts):
        raise ConfigError(
            f"reward.arguments: the parts are {', '.join(part['name'] for part in parts)}, and "
            f"accuracy={accuracy} decides what is right: give each part a name of its own, and "
            "accuracy the name of one"
        )
    judge = scores[accuracy]
    return Score(
        value=sum(part.get("weight", 1.0) * scores[part["name"]].value for part in parts),
        correct=judge.correct,
        extracted=judge.extracted,
        components={name: score.value for name, score in scores.items()},
    )


def without_end(response: str, end_tokens: Sequence[str]) -> str:
    """The response without the token that ended it, if that is one of those given."""
    for token in end_tokens:
        if response.endswith(token):
            return response.removesuffix(token)
    return response


def scored(sample: Sample, part: Mapping[str, Any]) -> Score:
    """What one part gives."""
    return scorer(part["function"])(sample, **part.get("arguments", {}))


@cache
def scorer(reference: str) -> Scorer:
    """The function behind `module:function`."""
    found: Scorer = function_named(reference, "reward.arguments.parts")
    return found
