"""One claim against one score: which belong together, and the verdict; claims.py asks for every
claim of a card."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evals import stats, verdicts
from evals.assess import by_problem, numbers, token_counts
from evals.claimed import Protocol, read_metric
from evals.claims import OurScore
from evals.grading import canonical
from evals.intervals import Interval
from evals.judges import Graded
from evals.length_verdicts import judge_length
from evals.response_lengths import within
from evals.sample_files import read_lines, read_samples
from evals.scores import Scores
from evals.statement import ClaimVerdict
from evals.stats import Matrix
from evals.verdicts import Verdict
from harness.cards import Claim

NEAR = 0.1
"""A score stands for a claim at a mean length that is at most so much longer or shorter."""


def held_against(claim: Claim, found: Scores, label: str, scores: Sequence[Scores]) -> bool:
    """Whether a claim is judged by this score, of all that were measured.

    A claim at a mean length is judged by the score whose responses are nearest in length.
    """
    if claim.benchmark != found.test_set:
        return False
    if claim.at is None or claim.at.x == "limit":
        return found.budget is None
    if claim.at.x == "prompt_budget":
        return found.budget is not None and found.budget.tokens == claim.at.tokens
    tokens = claim.at.tokens
    alike = [other for other in scores if other.test_set == claim.benchmark]
    lengths = {other.key: mean_tokens(other, label) for other in alike}
    known = {key: abs(length / tokens - 1) for key, length in lengths.items() if length}
    return bool(known) and found.key == min(known, key=lambda key: known[key])


def mean_tokens(scores: Scores, label: str) -> float | None:
    """Mean response length of one model; None where it is not known."""
    means = [model.tokens for model in scores.models if model.label == label and model.tokens]
    return means[0].all.value if means else None


def judged_claim(claim: Claim, scores: Scores, folder: Path, label: str) -> ClaimVerdict:
    """The verdict on one claim of a card.

    Args:
        claim: about this model on this benchmark.
        scores: the score that it is held against.
        folder: holds the benchmark's folder with samples and verdicts.
        label: the model.
    """
    at, ours = claim.at, None
    if claim.kind == "length":
        verdict, ours = _of_length(claim, scores, folder)
    elif at and at.x == "limit":
        verdict, ours = _at_limit(claim, scores, folder, label)
    elif at and at.x == "mean_tokens":
        verdict = _at_mean(claim, scores, folder, label)
    else:
        verdict = verdicts.judge(claim.score, our_score(scores, folder, label))
    return ClaimVerdict(
        percent=claim.value,
        metric=claim.metric,
        at=at,
        ours=ours,
        source=claim.source,
        word=verdict.word,
        reasons=list(verdict.sentences),
        differing=list(verdict.differing),
        unknown=list(verdict.unknown),
        k_needed=verdict.k_needed,
        difference=verdict.difference,
        margin=verdict.margin,
    )


def our_score(scores: Scores, folder: Path, label: str) -> OurScore:
    """One model's verdicts in the terms of evals/verdicts.py."""
    graded = _graded(scores, folder, label)
    return OurScore(
        protocol=our_protocol(scores),
        samples=numbers(graded, scores.problem_ids, "correct"),
        answers=[
            [None if answer is None else canonical(answer) for answer in answers]
            for answers in by_problem(graded, scores.problem_ids, "extracted")
        ],
    )


def our_protocol(scores: Scores) -> Protocol:
    """How a score was measured, in the terms of claims."""
    protocol, budget = scores.protocol, scores.budget
    return Protocol(
        benchmark=scores.test_set,
        problems=scores.problems,
        temperature=protocol["sampling"]["temperature"],
        top_p=protocol["sampling"]["top_p"],
        max_tokens=protocol["max_tokens"],
        template=protocol["prompt"]["name"],
        grader=protocol["grader"]["name"],
        budget_text=(budget.suffix or budget.system) if budget else None,
    )


def tokens_of(scores: Scores, folder: Path, label: str) -> Matrix | None:
    """Response lengths of the graded samples; None where the back end did not tell them."""
    wanted = {(line.id, line.sample) for line in _graded(scores, folder, label)}
    samples = read_samples(folder / scores.benchmark, label)
    return token_counts([s for s in samples if (s.id, s.sample) in wanted], scores.problem_ids)


def _graded(scores: Scores, folder: Path, label: str) -> list[Graded]:
    return read_lines(folder / scores.benchmark / f"verdicts-{label}.jsonl", Graded)


def _not_run(claim: Claim, why: str) -> Verdict:
    return Verdict(word="not run", sentences=(f"Claimed {claim.value:g}, but {why}.",))


def _at_limit(
    claim: Claim, scores: Scores, folder: Path, label: str
) -> tuple[Verdict, Interval | None]:
    """The verdict at a token limit: the samples as they are, cut there and not drawn again."""
    assert claim.at is not None
    limit, ours = claim.at.tokens, our_score(scores, folder, label)
    longest = ours.protocol.max_tokens
    if longest is not None and longest < limit:
        why = f"responses were drawn with at most {longest:,} tokens, and the limit is {limit:,}"
        return _not_run(claim, why), None
    tokens = tokens_of(scores, folder, label)
    if tokens is None:
        return _not_run(claim, "the back end does not tell how long responses are"), None
    assert ours.answers is not None
    cut = replace(
        ours,
        protocol=replace(ours.protocol, max_tokens=limit),
        samples=within(tokens, ours.samples, limit),
        answers=[
            [answer if length <= limit else None for answer, length in zip(*row, strict=True)]
            for row in zip(ours.answers, tokens, strict=True)
        ],
    )
    verdict = verdicts.judge(claim.score, cut)
    said = "Ours: cut at the limit, not asked again; a longer response counts as wrong."
    verdict = replace(verdict, sentences=(*verdict.sentences, said))
    narrow = read_metric(claim.metric)[0].kind == "avg"
    return verdict, stats.sampling_interval(cut.samples) if narrow else None


def _at_mean(claim: Claim, scores: Scores, folder: Path, label: str) -> Verdict:
    """The verdict at a mean length, if something of nearly that length was measured."""
    assert claim.at is not None
    length = mean_tokens(scores, label)
    assert length is not None  # held_against asks for it
    if abs(length / claim.at.tokens - 1) > NEAR:
        return _not_run(
            claim,
            f"nothing was measured at a mean length of {claim.at.tokens:,} tokens: the nearest is "
            f"{scores.benchmark} with {length:,.0f}, more than {NEAR:.0%} off",
        )
    verdict = verdicts.judge(claim.score, our_score(scores, folder, label))
    said = f"Mean length: claimed {claim.at.tokens:,} tokens, measured {length:,.0f}."
    return replace(verdict, sentences=(*verdict.sentences, said))


def _of_length(claim: Claim, scores: Scores, folder: Path) -> tuple[Verdict, Interval | None]:
    """The verdict on a change of length from base to trained."""
    found = scores.difference
    if found is None:
        return _not_run(claim, "no base model was measured beside the trained one"), None
    tokens = [tokens_of(scores, folder, label) for label in (found.before, found.after)]
    before, after = tokens
    if before is None or after is None or found.tokens is None:
        return _not_run(claim, "the back end does not tell how long responses are"), None
    verdict = judge_length(
        claim.length, our_protocol(scores), before, after, accuracy=found.sampling
    )
    return verdict, found.tokens.sampling
