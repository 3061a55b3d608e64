"""What a change of response length says about a published one, in words; harness/claims.py asks."""

import math

from evals.claimed import ClaimedLength, Protocol
from evals.claims import compare_protocols
from evals.intervals import Interval
from evals.normal import Z95
from evals.response_lengths import change_variance, sampling_change
from evals.stats import Matrix
from evals.verdicts import Verdict, Word, counted, points, word_for


def judge_length(
    claim: ClaimedLength, protocol: Protocol, before: Matrix, after: Matrix, *, accuracy: Interval
) -> Verdict:
    """The verdict on a published change of length, measured on the same problems.

    Words as for scores: reproduced, when the whole interval of ours - claim lies within the claim's
    tolerance; below and above, when it excludes zero and reaches out of it. Below is shorter.

    Args:
        claim: the published change.
        protocol: ours.
        before: tokens of the base model's responses, one list a problem.
        after: tokens of the trained model's, likewise.
        accuracy: after - before, which a claim of shorter responses is never without.
    """
    differing, unknown = compare_protocols(claim.protocol, protocol)
    differing = [said for said in differing if not said.startswith("grader:")]
    unknown = [name for name in unknown if name != "grader"]
    change = sampling_change(before, after)
    k = min(len(row) for row in (*before, *after))
    numbers = (
        f"Claimed {claim.percent:+g} % tokens, measured {100 * change.value:+.1f} % with "
        f"{counted(k, 'sample')} on each of {counted(len(before), 'problem')}"
    )
    if differing:
        return Verdict(
            word="protocol differs",
            sentences=(f"{numbers}. The two do not compare: {'; '.join(differing)}.",),
            differing=tuple(differing),
            unknown=tuple(unknown),
        )
    gap, margin = change.value - claim.share, claim.tolerance / 100
    theirs = change_variance(before, after, claim.samples_per_problem or 1)
    half = Z95 * math.sqrt(change_variance(before, after) + theirs)
    difference = Interval(value=gap, low=gap - half, high=gap + half, method=change.method)
    word = word_for(difference, margin)
    sentences = [
        f"{numbers}: {points(difference)}, from the noise of drawing samples on both sides.",
        _reason(word, claim.tolerance),
        f"Accuracy meanwhile: {points(accuracy)}.",
    ]
    if unknown:
        sentences.append(f"Not stated, and taken to be the same: {', '.join(unknown)}.")
    if claim.samples_per_problem is None:
        sentences.append("The claim does not state its samples a problem; one assumed, the least.")
    if change.method == "bound":
        sentences.append(
            "One sample a problem cannot tell its own noise; the interval is an upper bound."
        )
    sentences.append(
        "Another training seed gives another model; that spread is not in the interval."
    )
    return Verdict(
        word=word,
        sentences=tuple(sentences),
        difference=difference,
        margin=margin,
        unknown=tuple(unknown),
    )


def _reason(word: Word, tolerance: float) -> str:
    size = f"the {tolerance:g} points that do not matter"
    if word == "reproduced":
        return f"The whole interval lies within {size}."
    if word == "not distinguishable":
        return f"The interval contains zero and reaches out of {size}."
    shorter = "Shorter" if word == "below" else "Longer"
    return f"{shorter} than claimed: the interval excludes zero and reaches out of {size}."
