"""Differences between the configurations of a sweep, paired by problem, with Holm's correction for
their number; pure, rows.py asks for them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from evals import stats
from evals.scores import Scores
from evals.verdicts import Change, compare
from harness.report.sweep.runs import subject

MOST_PAIRS = 60
"""Comparisons of one page. Each resamples the problems, and the more there are the less each can
show after the correction."""
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One measurement of one configuration, by one of its seeds."""

    group: int
    scores: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two configurations on the same problems under the same protocol."""

    benchmark: str
    protocol_hash: str
    first: int
    """Number of the group that is the base of the difference."""
    second: int
    first_seeds: int
    """Runs whose samples are pooled."""
    second_seeds: int
    problems: int
    difference: float
    """second - first, as a share."""
    low: float
    """95 % interval over problems; not corrected for the number of comparisons."""
    high: float
    p_value: float
    """Exact two-sided sign-flip test over problems."""
    p_holm: float
    """Corrected for all comparisons of the page (Holm 1979)."""
    word: Change
    """By the interval, the test, and the corrected p-value together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """All comparisons of a page and what was left out of them."""

    pairs: list[Pair]
    notes: list[str]


def holm(p_values: Sequence[float]) -> list[float]:
    """Step-down corrected p-values in the order given (Holm 1979): family-wise, any dependence."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def paired(entrants: Sequence[Entrant], most: int = MOST_PAIRS) -> Paired:
    """Every pair of groups that was measured alike; with many groups, each against one of them.

    Args:
        entrants: valid measurements.
        most: comparisons in all.
    """
    alike: dict[tuple[str, str, tuple[str, ...]], dict[int, list[Scores]]] = {}
    for entrant in entrants:
        scores = entrant.scores
        key = (scores.benchmark, scores.protocol_hash, tuple(scores.problem_ids))
        alike.setdefault(key, defaultdict(list))[entrant.group].append(scores)
    sets = {key: groups for key, groups in alike.items() if len(groups) > 1}
    notes = [_alone(key[0], groups) for key, groups in alike.items() if len(groups) == 1]
    raw: list[Pair] = []
    for key, groups in sets.items():
        chosen, said = _chosen(groups, most // len(sets))
        notes += [f"{key[0]}: {said}"] if said else []
        pooled = {number: _pooled(found) for number, found in groups.items()}
        raw += [_pair(key, groups, pooled, one, two) for one, two in chosen]
    corrected = holm([pair.p_value for pair in raw])
    return Paired(
        pairs=[_corrected(pair, p) for pair, p in zip(raw, corrected, strict=True)],
        notes=list(dict.fromkeys(notes)) if sets else [],
    )


def _alone(benchmark: str, groups: dict[int, list[Scores]]) -> str:
    protocol = next(iter(groups.values()))[0].protocol_hash[:8]
    return f"{benchmark} under protocol {protocol} was measured for one configuration only"


def _chosen(groups: dict[int, list[Scores]], most: int) -> tuple[list[tuple[int, int]], str]:
    """The pairs to compare, and in words which were not."""
    every = list(combinations(groups, 2))
    if len(every) <= most:
        return every, ""
    means = {
        number: sum(subject(scores).accuracy.value for scores in found) / len(found)
        for number, found in groups.items()
    }
    order = sorted(groups, key=lambda number: -means[number])
    chosen = [(other, order[0]) for other in order[1 : max(1, most) + 1]]
    return chosen, (
        f"of {len(every)} possible pairs, the highest-scoring configuration against the "
        f"{len(chosen)} next ones; the highest of many is partly lucky, so its lead is overstated"
    )


def _pooled(found: Sequence[Scores]) -> stats.Matrix:
    """The samples of all seeds of a configuration, problem by problem."""
    matrices = [scores.matrix(subject(scores).label) for scores in found]
    return [[value for row in rows for value in row] for rows in zip(*matrices, strict=True)]


def _pair(
    key: tuple[str, str, tuple[str, ...]],
    groups: dict[int, list[Scores]],
    pooled: dict[int, stats.Matrix],
    first: int,
    second: int,
) -> Pair:
    found = compare(pooled[first], pooled[second])
    return Pair(
        benchmark=key[0],
        protocol_hash=key[1],
        first=first,
        second=second,
        first_seeds=len(groups[first]),
        second_seeds=len(groups[second]),
        problems=len(key[2]),
        difference=found.paired.value,
        low=found.paired.low,
        high=found.paired.high,
        p_value=found.p_value,
        p_holm=found.p_value,
        word=found.word,
    )


def _corrected(pair: Pair, p_holm: float) -> Pair:
    word: Change = pair.word if p_holm <= LEVEL else "not distinguishable"
    return replace(pair, p_holm=p_holm, word=word)
