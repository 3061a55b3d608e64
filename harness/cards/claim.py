"""Published numbers: scores, the points of length-accuracy curves, and changes of response length;
cards list them, evaluations are held against them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from evals import MEAN_TOKENS, METRIC
from evals.claimed import AXES, ClaimedLength, ClaimedScore, Place, Protocol
from harness.cards.facts import Fact
from harness.spec.evaluation import TOKENS

TOLERANCE = 5.0
"""Points of relative change of length that do not matter, where a claim does not say."""


class Claim(Fact):
    """One published number with its protocol."""

    kind: Literal["score", "length"] = "score"
    """score: accuracy in percent; length: relative change of the mean response length in percent,
    from the base model to the trained one (-50: half as long). `kind: curve` in a card stands for
    one score at each of its points."""
    benchmark: str
    """A name in evals/benchmarks, or the test set in upstream's words when there is none."""
    problems: PositiveInt | None = None
    """Problems in upstream's test set; null when it does not say."""
    metric: Annotated[str, Field(pattern=rf"{METRIC.pattern}|^{MEAN_TOKENS}$")]
    """avg@k, pass@k, maj@k (or mean@k, cons@k), accuracy or greedy; mean_tokens of kind length."""
    at: Place | None = None
    """Where on a curve the number stands; null when it is of no curve."""
    budget_text: str | None = None
    """The text that asks for the budget, with {tokens}; null when upstream does not say."""
    model: str | None = None
    """Which of upstream's models, when it releases several."""
    about: Literal["trained", "base", "other"] = "trained"
    """What the number is of: the model that the recipe trains, its base, or another training."""
    value: float
    """The number in percent, as published: 0 to 100 of a score, above -100 of a length."""
    tolerance: PositiveFloat | None = None
    """Kind length: points that do not matter; null takes 5."""
    samples_per_problem: PositiveInt | None
    """k."""
    temperature: float | None
    """Sampling temperature."""
    top_p: float | None
    """Nucleus mass."""
    max_tokens: PositiveInt | None
    """Longest response; null at a token limit, which is one itself."""
    template: str | None
    """How the problem is shown: a name in conf/eval/prompt."""
    grader: str | None
    """What judges the answer: a name in evals/grading."""
    source: str
    """Where it is published."""
    note: str | None = None
    """Why a part of the protocol is null, or what else the reader must know."""

    @model_validator(mode="before")
    @classmethod
    def named_by_kind(cls, stated: Any) -> Any:
        """A claim about length has but one metric, which need not be written."""
        if isinstance(stated, Mapping) and stated.get("kind") == "length":
            return {**stated, "metric": stated.get("metric") or MEAN_TOKENS}
        return stated

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Fields fit the kind."""
        if (self.kind == "length") != (self.metric == MEAN_TOKENS):
            raise ValueError(f"metric={self.metric} does not go with kind={self.kind}")
        if self.kind == "length":
            if self.at or self.budget_text or self.about != "trained" or self.value <= -100:
                raise ValueError(
                    "kind=length is a change from base to trained in percent, above -100, and of "
                    "no curve: leave at, budget_text and about out"
                )
        elif not 0 <= self.value <= 100:
            raise ValueError(f"value={self.value:g} is no percentage: give 0 to 100")
        elif self.tolerance is not None:
            raise ValueError("tolerance is of kind=length: scores have a margin of their own")
        self._curve()
        return self

    def _curve(self) -> None:
        if self.at and self.at.x == "limit" and self.max_tokens is not None:
            raise ValueError("x=limit: the points are the limits: set max_tokens=null")
        if self.budget_text is None:
            return
        if self.at is None or self.at.x != "prompt_budget":
            raise ValueError("budget_text is what asks for a budget: it needs x=prompt_budget")
        if TOKENS not in self.budget_text:
            raise ValueError(
                f"budget_text={self.budget_text!r} does not say the number: write {TOKENS}"
            )

    @property
    def named(self) -> str:
        """The metric, with the place on the curve."""
        return f"{self.metric} {self.at.in_words}" if self.at else self.metric

    @property
    def protocol(self) -> Protocol:
        """How it was measured; the metric greedy says temperature 0, a limit the longest
        response."""
        temperature = self.temperature
        if temperature is None and self.metric == "greedy":
            temperature = 0.0
        limit = self.at.tokens if self.at and self.at.x == "limit" else None
        return Protocol(
            benchmark=self.benchmark,
            problems=self.problems,
            temperature=temperature,
            top_p=self.top_p,
            max_tokens=limit or self.max_tokens,
            template=self.template,
            grader=self.grader,
            budget_text=self.budget_text,
        )

    @property
    def score(self) -> ClaimedScore:
        """Kind score in the terms of evals/verdicts.py."""
        return ClaimedScore(
            percent=self.value,
            metric=self.metric,
            samples_per_problem=self.samples_per_problem,
            protocol=self.protocol,
            source=self.source,
        )

    @property
    def length(self) -> ClaimedLength:
        """Kind length in the terms of evals/length_verdicts.py."""
        return ClaimedLength(
            percent=self.value,
            tolerance=self.tolerance or TOLERANCE,
            samples_per_problem=self.samples_per_problem,
            protocol=self.protocol,
        )


def points_as_claims(stated: Any) -> Any:
    """A list of claims in which every curve is replaced by one claim for each of its points.

    Raises:
        ValueError: a curve lacks x or points, or its points are out of order or without a number.
    """
    if not isinstance(stated, list):
        return stated
    found: list[Any] = []
    for claim in stated:
        if isinstance(claim, Mapping) and claim.get("kind") == "curve":
            found += _points(claim)
        else:
            found.append(claim)
    return found


Claims = Annotated[list[Claim], BeforeValidator(points_as_claims)]
"""Claims as cards write them."""


def _points(curve: Mapping[str, Any]) -> list[dict[str, Any]]:
    where = f"the curve on {curve.get('benchmark')}"
    x, points = curve.get("x"), curve.get("points")
    if x not in AXES:
        raise ValueError(f"{where}: x={x}: choose one of {', '.join(AXES)}")
    if not isinstance(points, list) or not points:
        raise ValueError(f"{where} has no points: give [{{tokens: 512, value: 10.2}}, ...]")
    if "value" in curve:
        raise ValueError(f"{where} has a value: its points have the values")
    if wrong := [point for point in points if not _is_point(point)]:
        raise ValueError(
            f"{where}: {wrong[0]} is no point: give {{tokens: 512, value: 10.2}}, whole tokens "
            "above 0 and percent. What is published only as a figure goes to statements"
        )
    order = [point["tokens"] for point in points]
    if order != sorted(set(order)):
        raise ValueError(f"{where}: tokens stand in increasing order, each once, given: {order}")
    rest = {name: value for name, value in curve.items() if name not in ("kind", "x", "points")}
    return [
        {**rest, "value": point["value"], "at": {"x": x, "tokens": point["tokens"]}}
        for point in points
    ]


def _is_point(point: Any) -> bool:
    if not isinstance(point, Mapping) or set(point) != {"tokens", "value"}:
        return False
    tokens, value = point["tokens"], point["value"]
    whole = isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0
    return whole and isinstance(value, int | float) and not isinstance(value, bool)
