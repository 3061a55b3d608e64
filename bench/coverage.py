"""How often the intervals hold the truth and equal models are called different, by simulation.
Prints one table for each; takes some minutes. Run: python bench/coverage.py [simulations]"""

import sys
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evals import stats
from evals.claimed import ClaimedScore, Protocol
from evals.claims import OurScore
from evals.intervals import Interval
from evals.verdicts import compare, judge

Array = NDArray[np.float64]

DIFFICULTY = {  # Beta parameters of the chance that one sample of a problem is right
    "mixed": (1.0, 1.5),  # mean .40, all difficulties
    "bimodal": (0.15, 0.35),  # mean .30, most problems near 0 or 1, as AIME
    "easy": (2.0, 0.35),  # mean .85, as MATH-500
    "hard": (0.1, 1.0),  # mean .09, nearly all problems out of reach
}
COVERAGE = tuple(product((30, 40, 500), (1, 4, 16, 64)))  # problems and samples of each
ALARMS = tuple(product((30, 320), (1, 4, 16)))


def draw(rng: np.random.Generator, chance: Array, k: int) -> list[list[float]]:
    """k 0/1 samples of each problem."""
    rows: list[list[float]] = (
        (rng.random((len(chance), k)) < chance[:, None]).astype(float).tolist()
    )
    return rows


def shares(verdicts: Iterator[tuple[bool, ...]]) -> Array:
    """Percentage of true answers in each column."""
    percentages: Array = 100 * np.array(list(verdicts), dtype=float).mean(axis=0)
    return percentages


def covers(interval: Interval, truth: float) -> bool:
    """Does the interval hold the truth?"""
    return interval.low <= truth <= interval.high


def one_model(
    name: str, problems: int, k: int, rng: np.random.Generator
) -> tuple[bool, bool, bool]:
    """Bootstrap and closed form on the mean of all problems, sampling interval on these ones."""
    a, b = DIFFICULTY[name]
    chance = rng.beta(a, b, problems)
    scores = draw(rng, chance, k)
    return (
        covers(stats.accuracy(scores), a / (a + b)),
        covers(stats.accuracy_closed_form(scores), a / (a + b)),
        covers(stats.sampling_interval(scores), float(chance.mean())),
    )


def two_models(name: str, problems: int, k: int, rng: np.random.Generator) -> tuple[bool, bool]:
    """Paired intervals when the second model solves a tenth of what the first misses."""
    a, b = DIFFICULTY[name]
    before = rng.beta(a, b, problems)
    after = before + 0.1 * (1 - before)
    first, second = draw(rng, before, k), draw(rng, after, k)
    return (
        covers(stats.paired_difference(first, second), 0.1 * b / (a + b)),
        covers(stats.paired_sampling_difference(first, second), float((after - before).mean())),
    )


def same_model_twice(
    name: str, problems: int, k: int, rng: np.random.Generator
) -> tuple[bool, bool, bool]:
    """False alarms: the interval alone, the word of `compare`, the word of `judge`."""
    chance = rng.beta(*DIFFICULTY[name], problems)
    first, second = draw(rng, chance, k), draw(rng, chance, k)
    found = compare(first, second)
    protocol = Protocol(
        benchmark="simulated", problems=problems, temperature=1.0, top_p=1.0, max_tokens=1,
        template="raw", grader="exact",
    )  # fmt: skip
    claim = ClaimedScore(
        percent=100 * float(np.mean(first)), metric="accuracy", samples_per_problem=k,
        protocol=protocol, source="simulated",
    )  # fmt: skip
    verdict = judge(claim, OurScore(protocol=protocol, samples=second))
    return (
        not covers(found.paired, 0.0),
        found.word != "not distinguishable",
        verdict.word in ("below", "above"),
    )


def table(
    title: str,
    columns: str,
    simulate: Callable[..., tuple[bool, ...]],
    sizes: tuple[tuple[int, int], ...],
    simulations: int,
) -> None:
    """One line a cell; larger sets get fewer simulations, as each takes longer."""
    print(f"\n{title}\n{'problems':18}{'n':>5}{'k':>4}  {columns}")
    for name, (problems, k) in product(DIFFICULTY, sizes):
        rng = np.random.default_rng([problems, k])
        count = simulations if problems < 100 else max(1, simulations // 2)
        found = shares(simulate(name, problems, k, rng) for _ in range(count))
        numbers = "".join(f"{value:12.1f}" for value in found)
        print(f"{name:18}{problems:5}{k:4}  {numbers}", flush=True)


def main(arguments: list[str]) -> None:
    """Three tables; 95 % of 1000 simulations has a standard error of 0.7 (of 500: 1.0)."""
    simulations = int(arguments[0]) if arguments else 1000
    table(
        "Coverage of 95 % intervals of avg@k, %",
        "   bootstrap closed form   sampling",
        one_model,
        COVERAGE,
        simulations,
    )
    table(
        "Coverage of 95 % intervals of a paired difference, %",
        "    problems   sampling",
        two_models,
        COVERAGE,
        simulations,
    )
    table(
        "Equal models called different, % (at most 5)",
        "    interval     compare       judge",
        same_model_twice,
        ALARMS,
        simulations,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
