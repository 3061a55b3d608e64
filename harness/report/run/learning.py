"""Learning curves out of event logs: the stages of a chain on one axis, each step once; charts.py
draws them and the summary says in words what they show."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from statistics import correlation, fmean

from evals.job import Frozen
from harness.report.read import Json, TrainingFiles, listed, mapping
from harness.report.render import is_number, number, percent
from harness.steps import effective_steps

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One of the curves that a training may have."""

    title: str
    metrics: tuple[str, ...]
    """verl's names in order of preference; steps that lack one may have the next."""
    share: bool = False
    """Shown as a percentage."""


TRUNCATED = "share of responses at the limit"
LENGTH = "response_length/mean"
KINDS = (
    Kind(title="Reward", metrics=("critic/score/mean", "critic/rewards/mean")),
    Kind(title="Accuracy in training", metrics=("reward/accuracy",), share=True),
    Kind(title="Response length, tokens", metrics=(LENGTH,)),
    Kind(title="Responses at the length limit", metrics=(TRUNCATED,), share=True),
    Kind(title="KL to the sampling policy", metrics=("actor/ppo_kl",)),
    Kind(
        title="KL to the reference",
        metrics=("actor/reward_kl_penalty", "actor/kl_loss", "critic/kl"),
    ),
    Kind(title="Entropy", metrics=("actor/entropy", "actor/entropy_loss")),
    Kind(title="Clipped share of tokens", metrics=("actor/pg_clipfrac",), share=True),
    Kind(title="Gradient norm", metrics=("actor/grad_norm", "train/grad_norm")),
    Kind(title="Loss", metrics=("train/loss", "loss")),
    Kind(title="Tokens per second and GPU", metrics=("perf/throughput",)),
    Kind(title="Seconds per step", metrics=("perf/time_per_step", "timing_s/step")),
)
PART = re.compile(r"reward/(?!accuracy$)(.+)")
"""Metrics that are parts of the reward, each with a curve of its own."""
KEPT = 400
"""Curves with more points than this are thinned to about as many."""
TREND = 0.5
"""Smallest correlation with the step at which a curve is said to rise or to fall."""
DENSE = 100
"""Curves with more points than this have a line of means over them."""
STRETCHES = 50
READING = f"The strong line is the mean of each of {STRETCHES} equal stretches."
THINNING = (
    f"Curves of more than {KEPT} steps are thinned: of each of {KEPT // 4} equal stretches the "
    "first, last, lowest and highest value are drawn."
)


class Boundary(Frozen):
    """Where a stage of a chain, or a further attempt, begins."""

    step: float
    """First step, counted from the start of the chain."""
    name: str
    """The stage's name, or `attempt 2`."""
    kind: str
    """stage or attempt."""


class Curve(Frozen):
    """One quantity over all training steps of a run."""

    title: str
    """What it is, in words."""
    metric: str
    """verl's name of it."""
    part: bool
    """Whether it is a component of the reward."""
    share: bool
    """Whether 1 means 100 %."""
    steps: int
    """Steps at which it was logged."""
    first: float
    """Mean of the first tenth of its values."""
    last: float
    """Mean of the last tenth of its values."""
    low: float
    """Smallest value."""
    high: float
    """Largest value."""
    finding: str
    """What the curve does, in words."""
    points: list[Point]
    """Step (counted from the start of the chain) and value, thinned."""
    means: list[Point]
    """Means of equal stretches at their middle, for a curve of many steps."""
    limits: list[tuple[float, float, float]]
    """First step, last step and limit of each stage, where the quantity has one."""


class Learning(Frozen):
    """How the training went."""

    steps: int
    """Last training step, counted over all stages."""
    curves: list[Curve]
    """The quantities that were logged."""
    boundaries: list[Boundary]
    """Stages after the first and attempts after the first."""
    broken: list[str]
    """Quantities that were logged without a finite number, in words."""


def learning(trainings: Sequence[TrainingFiles], spec: Json) -> Learning:
    """The curves of a run's trainings, one after the other."""
    steps: dict[int, Json] = {}
    boundaries: list[Boundary] = []
    limits: list[tuple[float, float, float]] = []
    for training in trainings:
        start, own = max(steps, default=0), step_metrics(training.events)
        limit = response_limit(spec, training.name)
        if training.name and own:
            boundaries.append(Boundary(step=start + 1, name=training.name, kind="stage"))
        boundaries += [
            Boundary(step=start + step, name=f"attempt {number}", kind="attempt")
            for number, step in attempt_starts(training.events)
        ]
        if own and limit:
            limits.append((start + min(own), start + max(own), limit))
        steps |= {start + step: with_truncated(values, limit) for step, values in own.items()}
    parts = sorted({name for values in steps.values() for name in values if PART.match(name)})
    kinds = [(kind, False) for kind in KINDS]
    kinds += [(Kind(title=name.removeprefix("reward/"), metrics=(name,)), True) for name in parts]
    return Learning(
        steps=max(steps, default=0),
        curves=[one for kind, part in kinds for one in curves(steps, kind, part, limits)],
        boundaries=boundaries,
        broken=[
            said for kind, _ in kinds for name in kind.metrics for said in not_finite(steps, name)
        ],
    )


def step_metrics(events: Iterable[Json]) -> dict[int, Json]:
    """The metrics of each step; step events without the fields of one are left out."""
    whole = (
        event
        for event in events
        if isinstance(event.get("step"), int)
        and isinstance(event.get("attempt"), int)
        and isinstance(event.get("metrics"), dict)
    )
    return effective_steps({"kind": None, **event} for event in whole)


def attempt_starts(events: Iterable[Json]) -> list[tuple[int, int]]:
    """Number and first step of every attempt after the first one that trained."""
    first: dict[int, int] = {}
    for event in events:
        step, attempt = event.get("step"), event.get("attempt")
        if event.get("kind") == "step" and isinstance(step, int) and isinstance(attempt, int):
            first.setdefault(attempt, step)
    return [(attempt, first[attempt]) for attempt in sorted(first)][1:]


def response_limit(spec: Json, stage: str) -> int | None:
    """The longest response that a training allows, in tokens."""
    limit = mapping(spec.get("data")).get("max_response_tokens")
    for one in listed(spec.get("stages")):
        if mapping(one).get("name") == stage:
            limit = mapping(mapping(one).get("set")).get("data.max_response_tokens", limit)
    return limit if isinstance(limit, int) else None


def with_truncated(metrics: Json, limit: int | None) -> Json:
    """Metrics with the share of responses at the limit.

    verl's clip_ratio is the share of responses as long as the batch is wide, and a batch is only
    as wide as its longest response: where that one stays below the limit, none was cut.
    """
    longest, widest = metrics.get("response_length/max"), metrics.get("response_length/clip_ratio")
    if limit is None or not is_number(longest) or not is_number(widest):
        return metrics
    return metrics | {TRUNCATED: widest if longest >= limit else 0.0}


def curves(
    steps: Mapping[int, Json],
    kind: Kind,
    part: bool,
    limits: Sequence[tuple[float, float, float]],
) -> Iterator[Curve]:
    """The first metric of a kind that was logged, and the next ones where steps lack that one."""
    covered: set[int] = set()
    for name in kind.metrics:
        having = {step: values[name] for step, values in steps.items() if name in values}
        points = [
            (float(step), float(value))
            for step, value in having.items()
            if step not in covered and is_number(value)
        ]
        if points:
            title = f"{kind.title} ({name})" if covered else kind.title
            own = list(limits) if name == LENGTH else []
            yield curve(points, replace(kind, title=title, metrics=(name,)), part, own)
        covered |= having.keys()


def curve(
    points: Sequence[Point], kind: Kind, part: bool, limits: list[tuple[float, float, float]]
) -> Curve:
    """One metric over its steps."""
    values = [value for _, value in points]
    first, last = ends(values)
    return Curve(
        title=kind.title,
        metric=kind.metrics[0],
        part=part,
        share=kind.share,
        steps=len(points),
        first=first,
        last=last,
        low=min(values),
        high=max(values),
        finding=finding(values, kind.share) + _about_limits(limits),
        points=thinned(points),
        means=means(points) if len(points) > DENSE else [],
        limits=limits,
    )


def ends(values: Sequence[float]) -> tuple[float, float]:
    """The means of the first and of the last tenth."""
    tenth = max(1, len(values) // 10)
    return fmean(values[:tenth]), fmean(values[-tenth:])


def not_finite(steps: Mapping[int, Json], name: str) -> Iterator[str]:
    """Where a metric was nan or infinite, in words; curves leave such steps out."""
    floats = [value for values in steps.values() if isinstance(value := values.get(name), float)]
    if bad := sum(not isfinite(value) for value in floats):
        yield f"{name} was nan or infinite at {bad:,} of {len(floats):,} steps"


def finding(values: Sequence[float], share: bool = False) -> str:
    """What a curve does: the means of its first and last tenth, and its direction if it has one."""
    said = percent if share else partial(number, digits=3)
    first, last = ends(values)
    low, high, count = min(values), max(values), len(values)
    if count == 1:
        return f"{said(first)} at the only step."
    if said(low) == said(high):
        return f"Stays at {said(first)} over {count:,} steps."
    trend = correlation(range(count), values)
    if abs(trend) >= TREND and (last - first) * trend > 0:
        moves = "Rises" if last > first else "Falls"
        return f"{moves} from {said(first)} to {said(last)} over {count:,} steps."
    return (
        f"Between {said(low)} and {said(high)} over {count:,} steps, "
        f"from {said(first)} to {said(last)}."
    )


def means(points: Sequence[Point]) -> list[Point]:
    """The mean of each equal stretch, at its middle."""
    return [
        (fmean(x for x, _ in piece), fmean(y for _, y in piece))
        for piece in stretches(points, STRETCHES)
    ]


def stretches(points: Sequence[Point], count: int) -> Iterator[Sequence[Point]]:
    """The points cut into so many pieces of equal length."""
    for index in range(count):
        start, end = (at * len(points) // count for at in (index, index + 1))
        yield points[start:end]


def thinned(points: Sequence[Point], kept: int = KEPT) -> list[Point]:
    """At most about `kept` points: of each equal stretch the first, last, lowest and highest."""
    if len(points) <= kept:
        return list(points)
    found: list[Point] = []
    for piece in stretches(points, kept // 4):
        found += sorted(
            {
                piece[0],
                piece[-1],
                min(piece, key=lambda point: point[1]),
                max(piece, key=lambda point: point[1]),
            }
        )
    return found


def _about_limits(limits: Sequence[tuple[float, float, float]]) -> str:
    """The limit of the responses, in words."""
    found = list(dict.fromkeys(limit for *_, limit in limits))
    return f" Limit {', then '.join(number(limit) for limit in found)}." if found else ""
