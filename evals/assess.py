"""Verdicts on samples -> the score of a model; pure, called by evals/run.py."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evals import response_lengths, stats
from evals.job import GeneratedSample, JobModel
from evals.judges import Graded
from evals.planning import detectable_difference
from evals.scores import Difference, Lengths, ModelScore, SecondOpinion
from evals.verdicts import compare
from evals.voting import Votes

Matrix = list[list[float]]


def by_problem(graded: Sequence[Graded], ids: Sequence[str], field: str) -> list[list[Any]]:
    """One list per problem, in the order of ids, samples in their order."""
    found: dict[str, list[Any]] = {problem: [] for problem in ids}
    for line in sorted(graded, key=lambda line: line.sample):
        found[line.id].append(getattr(line, field))
    return list(found.values())


def numbers(graded: Sequence[Graded], ids: Sequence[str], field: str) -> Matrix:
    """by_problem as floats."""
    return [[float(value) for value in row] for row in by_problem(graded, ids, field)]


def token_counts(samples: Sequence[GeneratedSample], ids: Sequence[str]) -> Matrix | None:
    """Response lengths, one list per problem as by_problem has them; None where the back end does
    not tell all of them."""
    found: dict[str, list[float]] = {problem: [] for problem in ids}
    for sample in sorted(samples, key=lambda sample: sample.sample):
        if sample.response_tokens is None:
            return None
        found[sample.id].append(float(sample.response_tokens))
    return list(found.values())


def powers(k: int) -> list[int]:
    """The k of pass@k: powers of two, and the number of samples."""
    return sorted({2**n for n in range(k.bit_length()) if 2**n <= k} | {k})


def lengths(samples: Sequence[GeneratedSample]) -> Lengths | None:
    """Token counts, where every response has one."""
    tokens = [sample.response_tokens for sample in samples if sample.response_tokens is not None]
    if len(tokens) < len(samples):
        return None
    found = stats.lengths(tokens, [bool(sample.truncated) for sample in samples])
    return Lengths(mean=found.mean, median=found.median, p95=found.p95, longest=found.longest)


def truncation_rate(samples: Sequence[GeneratedSample]) -> float | None:
    """Share of responses cut by the limit, where the back end tells it of every response."""
    cut = [sample.truncated for sample in samples if sample.truncated is not None]
    return sum(cut) / len(cut) if len(cut) == len(samples) else None


def second_opinion(
    name: str | None, graded: Sequence[Graded], ids: Sequence[str]
) -> SecondOpinion | None:
    """How another grader sees the same responses."""
    if name is None:
        return None
    return SecondOpinion(
        grader=name,
        accuracy=stats.accuracy(numbers(graded, ids, "second")).value,
        only_first=sum(line.correct and not line.second for line in graded),
        only_second=sum(bool(line.second) and not line.correct for line in graded),
    )


def model_score(
    model: JobModel,
    ids: Sequence[str],
    samples: Sequence[GeneratedSample],
    graded: Sequence[Graded],
    second: str | None,
    generation: Mapping[str, Any],
    *,
    ballot: Callable[[str], str] = str,
    limits: Sequence[int] = (),
    budget: int | None = None,
) -> ModelScore:
    """Everything that is said about one model.

    `second` names the second grader; `ballot` writes equal answers alike for the majority vote;
    `limits` and `budget` are in tokens.
    """
    correct = numbers(graded, ids, "correct")
    tokens = token_counts(samples, ids)
    smallest = min(len(row) for row in correct)
    votes = [
        Votes([None if answer is None else ballot(answer) for answer in answers], row)
        for answers, row in zip(by_problem(graded, ids, "extracted"), correct, strict=True)
    ]
    even = all(len(row) == smallest for row in correct)
    rewarded = any(line.how == "reward" for line in graded)
    return ModelScore(
        label=model.label,
        path=model.path,
        fingerprint=model.fingerprint,
        accuracy=stats.accuracy(correct),
        sampling=stats.sampling_interval(correct),
        run_sd=stats.run_sd(correct) if even and smallest > 1 else None,
        detectable=detectable_difference(stats.expected_run_sd(correct), smallest),
        pass_at={k: stats.pass_at_k(correct, k) for k in powers(smallest)},
        majority=stats.maj_at_k(votes, smallest),
        mean_reward=stats.mean(numbers(graded, ids, "value")) if rewarded else None,
        right=[int(sum(row)) for row in correct],
        drawn=[len(row) for row in correct],
        truncation_rate=truncation_rate(samples),
        no_answer_rate=sum(line.extracted is None for line in graded) / len(graded),
        lengths=lengths(samples),
        tokens=response_lengths.token_means(tokens, correct) if tokens else None,
        limits=[response_lengths.at_limit(tokens, correct, n) for n in limits] if tokens else [],
        budget=response_lengths.budget_kept(tokens, budget) if tokens and budget else None,
        doubts=dict(Counter(line.doubt for line in graded if line.doubt)),
        second=second_opinion(second, graded, ids),
        samples=len(samples),
        generation=dict(generation),
    )


def difference(
    ids: Sequence[str],
    graded: Mapping[str, Sequence[Graded]],
    samples: Mapping[str, Sequence[GeneratedSample]],
) -> Difference | None:
    """trained - base, when both were evaluated."""
    if not {"base", "trained"} <= set(graded):
        return None
    before = numbers(graded["base"], ids, "correct")
    after = numbers(graded["trained"], ids, "correct")
    found = compare(before, after)
    first, second = (token_counts(samples[label], ids) for label in ("base", "trained"))
    return Difference(
        before="base",
        after="trained",
        paired=found.paired,
        sampling=found.sampling,
        verdict=found.sentence,
        tokens=response_lengths.token_change(first, second) if first and second else None,
    )
