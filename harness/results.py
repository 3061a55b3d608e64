"""Scores and statements as the tables and sentences that the console prints."""

from dataclasses import dataclass

from evals.intervals import Interval
from evals.scores import ModelScore, Scores
from evals.statement import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What is printed for one benchmark."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


def block(scores: Scores, statements: list[Statement]) -> Block:
    """One benchmark: a table with a row for each model, and what is to be said about it."""
    k = scores.samples_per_problem
    columns = ["model", f"avg@{k} [95 %]", "same problems"]
    columns += [f"pass@{k}", f"maj@{k}"] if k > 1 else []
    columns.append("cut off")
    notes = [*_findings(scores), *(line for said in statements for line in said.sentences())]
    return Block(
        title=f"{scores.benchmark}, {scores.problems} problems, in percent",
        columns=columns,
        rows=[_row(model, k) for model in scores.models],
        notes=notes,
    )


def _row(model: ModelScore, k: int) -> list[str]:
    cells = [model.label, interval(model.accuracy), bounds(model.sampling)]
    if k > 1:
        cells += [share(model.pass_at[max(model.pass_at)].value), share(model.majority.value)]
    return [*cells, share(model.truncation_rate)]


def _findings(scores: Scores) -> list[str]:
    """The outcome, broken invariants, doubts and the second grader."""
    found = [scores.verdict] if scores.difference or scores.invalid else []
    found += [
        f"note: {check.name}: {check.detail}"
        for check in scores.checks
        if not check.passed and not check.spoils
    ]
    found.append(_resolution(scores))
    found += length_notes(scores)
    for model in scores.models:
        if model.second:
            second = model.second
            found.append(
                f"{model.label}: by the grader {second.grader} {second.accuracy:.1%} "
                f"({second.only_first} responses right only here, {second.only_second} only there)"
            )
        if model.doubts:
            classes = ", ".join(f"{n} {name}" for name, n in sorted(model.doubts.items()))
            found.append(
                f"{model.label}: {sum(model.doubts.values())} of {model.samples} verdicts to look "
                f"at ({classes}): {scores.benchmark}/doubtful-{model.label}.jsonl"
            )
    return found


def length_notes(scores: Scores) -> list[str]:
    """Response lengths, the budget that was asked for, the score at token limits."""
    found = [note for model in scores.models for note in _lengths(model, scores)]
    if scores.difference and (change := scores.difference.tokens):
        found.append(
            f"tokens from {scores.difference.before} to {scores.difference.after}: "
            f"{100 * change.over_problems.value:+.1f} % {bounds(change.over_problems)}; same "
            f"problems {bounds(change.sampling)}"
        )
    limits = sorted({at.tokens for model in scores.models for at in model.limits})
    for limit in limits:
        each = "; ".join(
            f"{model.label} {interval(at.accuracy)}, {share(at.longer)} longer"
            for model in scores.models
            for at in model.limits
            if at.tokens == limit
        )
        found.append(f"cut at {limit:,} tokens, not asked again: {each}")
    return found


def _lengths(model: ModelScore, scores: Scores) -> list[str]:
    found = []
    if means := model.tokens:
        sides = ", ".join(
            f"{name} {tokens(mean)}"
            for name, mean in (("right", means.right), ("wrong", means.wrong))
            if mean
        )
        found.append(
            f"{model.label}: mean tokens {tokens(means.all)}" + f" ({sides})" * bool(sides)
        )
    if scores.budget and (kept := model.budget):
        found.append(
            f"{model.label}: asked for {scores.budget.tokens:,} tokens: off by "
            f"{interval(kept.error)} % of the budget on average, {interval(kept.above)} % of "
            "responses above it"
        )
    return found


def _resolution(scores: Scores) -> str:
    """What this many samples can tell apart."""
    points = 100 * max(model.detectable for model in scores.models)
    if points >= 100:
        return "resolution: so few samples tell no two models apart"
    return (
        f"resolution: {scores.samples_per_problem} sample(s) a problem tell two such models apart "
        f'from {points:.1f} points on (4 times in 5); "same problems" is the noise of drawing alone'
    )


def interval(found: Interval) -> str:
    """A share with its interval, in percent."""
    return f"{100 * found.value:.1f} {bounds(found)}"


def bounds(found: Interval) -> str:
    """An interval of shares, in percent."""
    return f"[{100 * found.low:.1f}, {100 * found.high:.1f}]"


def tokens(found: Interval) -> str:
    """A number of tokens with its interval."""
    return f"{found.value:,.1f} [{found.low:,.1f}, {found.high:,.1f}]"


def share(value: float | None) -> str:
    """A share in percent, or what is not known."""
    return "unknown" if value is None else f"{100 * value:.1f}"
