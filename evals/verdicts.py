"""What a score says about a claim, a control or a base model, in words; read by evals/run.py."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evals import stats
from evals.claimed import ClaimedScore, claimed_k, default_margin, read_metric
from evals.claims import Measured, OurScore, compare_protocols, measure
from evals.intervals import Interval, sign_flip_p
from evals.normal import Z95

Word = Literal["reproduced", "below", "above", "not distinguishable", "protocol differs", "not run"]
ControlWord = Literal["confirmed", "claim does not hold", "reads higher", "undecided", "not run"]
Change = Literal["improved", "got worse", "not distinguishable"]

FEWEST_CHANGED = 6
"""Below six problems that changed, even if all changed the same way, the exact two-sided sign test
stays above 5 % (2 / 2**5 = 6.25 %); a bootstrap interval does not know that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A score against a claim."""

    word: Word
    sentences: tuple[str, ...]
    """The reasoning, to be read in order."""
    difference: Interval | None = None
    """Ours - claim as a share, with the sampling noise of both; None where they do not compare."""
    margin: float | None = None
    """Share within which a difference does not matter."""
    differing: tuple[str, ...] = ()
    """Protocol fields that differ, in words."""
    unknown: tuple[str, ...] = ()
    """Protocol fields that the claim (or this score) does not state."""
    k_needed: int | None = None
    """Samples per problem that would decide, if the difference stays; None: decided, or no number
    would (the sentences say which)."""


def judge(claim: ClaimedScore, ours: OurScore | None, *, margin: float | None = None) -> Verdict:
    """The verdict on a claim that was measured on the same problems.

    The claim carries the noise of its own samples, estimated from ours. "reproduced" is a statement
    of equivalence: the whole interval of the difference lies within the margin. "below" and "above"
    need an interval that excludes zero and reaches out of the margin.
    """
    if ours is None:
        return Verdict(word="not run", sentences=(f"Claimed {claim.percent:g}; not measured.",))
    differing, unknown = compare_protocols(claim.protocol, ours.protocol)
    try:
        statistic, _ = read_metric(claim.metric)
    except ValueError as error:
        return Verdict(
            word="protocol differs",
            sentences=(f"Claimed {claim.percent:g}, but {error}.",),
            differing=(f"metric: {claim.metric}", *differing),
            unknown=tuple(unknown),
        )
    if ours.k < statistic.width:
        return Verdict(
            word="protocol differs" if differing else "not run",
            sentences=(
                f"Claimed {claim.percent:g} as {claim.metric}, which needs {statistic.width} "
                f"samples a problem; {ours.k} {'counts' if ours.k == 1 else 'count'} here.",
            ),
            differing=tuple(differing),
            unknown=tuple(unknown),
            k_needed=None if ours.greedy else statistic.width,
        )
    found = measure(ours, statistic)
    numbers = (
        f"Claimed {claim.percent:g} as {claim.metric}, measured {100 * found.value:.1f} with "
        f"{counted(found.k, 'sample')} on each of {counted(found.problems, 'problem')}"
    )
    if differing:
        reason = f"{numbers}. The two do not compare: {'; '.join(differing)}."
        return Verdict(
            word="protocol differs",
            sentences=(reason,),
            differing=tuple(differing),
            unknown=tuple(unknown),
        )
    return compared(claim, found, numbers, unknown, claimed_k(claim, statistic), margin)


def compared(
    claim: ClaimedScore,
    found: Measured,
    numbers: str,
    unknown: list[str],
    stated_k: int | None,
    margin: float | None,
) -> Verdict:
    """The verdict under one protocol."""
    margin = default_margin(found.problems) if margin is None else margin
    claim_variance = found.variance(stated_k or 1)
    gap = found.value - claim.share
    half = Z95 * math.sqrt(found.variance(found.k) + claim_variance)
    difference = Interval(
        value=gap, low=gap - half, high=gap + half, method="bound" if found.bound else "sampling"
    )
    word = word_for(difference, margin)
    sentences = [
        f"{numbers}: {points(difference)}, from the noise of drawing samples on both sides.",
        reasoning(word, difference, margin),
    ]
    k_needed = None
    if word == "not distinguishable":
        k_needed, needed = what_would_decide(found, gap, margin, claim_variance)
        sentences.append(needed)
    sentences += caveats(found, unknown, stated_k)
    return Verdict(
        word=word,
        sentences=tuple(sentences),
        difference=difference,
        margin=margin,
        unknown=tuple(unknown),
        k_needed=k_needed,
    )


def word_for(difference: Interval, margin: float) -> Word:
    """Equivalence first, then difference, then neither."""
    if -margin <= difference.low and difference.high <= margin:
        return "reproduced"
    if difference.high < 0:
        return "below"
    if difference.low > 0:
        return "above"
    return "not distinguishable"


def deciding_k(found: Measured, gap: float, margin: float, claim_variance: float) -> int | None:
    """Samples a problem that make the interval of this difference narrow enough for a verdict.

    Returns:
        None when the other side's variance alone is too much.
    """
    allowed = (max(margin - abs(gap), abs(gap)) / Z95) ** 2 - claim_variance
    if allowed <= 0:
        return None
    return max(found.width, math.ceil(found.variance(found.width) * found.width / allowed))


def reasoning(word: Word, difference: Interval, margin: float) -> str:
    """Why this word."""
    size = f"{100 * margin:.1f} points"
    if word == "reproduced":
        return f"The whole interval lies within the {size} that do not matter."
    if word == "not distinguishable":
        return f"The interval contains zero and reaches out of the {size} that do not matter."
    if difference.high < -margin or difference.low > margin:
        return f"The whole interval is {word} zero by more than the {size} that do not matter."
    return f"The whole interval is {word} zero, though partly within the {size} that do not matter."


def what_would_decide(
    found: Measured, gap: float, margin: float, claim_variance: float
) -> tuple[int | None, str]:
    """The number of samples a problem, or None and why more samples do not help."""
    if found.greedy:
        return None, "More greedy samples are copies and decide nothing."
    k = deciding_k(found, gap, margin, claim_variance)
    if k is not None:
        about = "At most" if found.bound else "About"
        return k, f"{about} {k} samples a problem would decide, if the difference stays."
    if found.bound:
        return None, "Several samples a problem would tell the noise itself; take those first."
    noise = 100 * Z95 * math.sqrt(claim_variance)
    theirs = deciding_k(found, gap, margin, 0.0)
    return None, (
        f"No number of samples here decides it: the claim's own samples leave ±{noise:.1f} points. "
        f"If the difference stays, a claim needs more than {theirs} samples a problem itself."
    )


def caveats(found: Measured, unknown: list[str], stated_k: int | None) -> list[str]:
    """What the interval rests on and what it leaves out."""
    notes = []
    if unknown:
        notes.append(f"Not stated, and taken to be the same: {', '.join(unknown)}.")
    if stated_k is None:
        least = counted(found.width, "sample")
        notes.append(f"The claim does not state its samples a problem; {least} assumed, the least.")
    if found.greedy:
        notes.append("Greedy decoding hides its spread: the interval is that of one sample.")
    if found.bound:
        notes.append(
            "One sample a problem cannot tell its own noise; the interval is an upper bound."
        )
    notes.append("Another training seed gives another model; that spread is not in the interval.")
    return notes


def points(interval: Interval) -> str:
    """A difference in points with its interval."""
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.value:+.1f} points, 95 % interval [{low:+.1f}, {high:+.1f}]"


def counted(number: int, noun: str) -> str:
    """1 problem, 2 problems."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the authors' released checkpoint says about the instrument and the claim."""

    word: ControlWord
    sentences: tuple[str, ...]
    pointless: bool
    """Training could not reproduce the claim: the released weights miss it by more than matters."""


def control(released: Verdict) -> Control:
    """Reads the verdict on the released checkpoint, measured with the protocol of the claim."""
    word: ControlWord = "undecided"
    pointless = False
    if released.word == "reproduced":
        word, says = "confirmed", "The released weights reach the claim here: instrument confirmed."
    elif released.word == "below" and short_by_more_than_margin(released):
        word, pointless = "claim does not hold", True
        says = (
            "The claim does not hold here even for the released weights. Either the instrument or "
            "the claim is off, and training towards it would be pointless until that is settled."
        )
    elif released.word == "above":
        word = "reads higher"
        says = (
            "This instrument reads the released weights higher than the claim: compare a trained "
            "model with this score, not with the claim."
        )
    elif released.word == "not run":
        word, says = "not run", "The released weights were not measured; nothing is known."
    elif released.word == "protocol differs":
        says = "The released weights were not measured under the claim's protocol: undecided."
    else:
        says = "The released weights neither confirm nor refute the claim: undecided."
    return Control(word=word, sentences=(says, *released.sentences), pointless=pointless)


def short_by_more_than_margin(verdict: Verdict) -> bool:
    """The whole interval is further below the claim than what does not matter."""
    assert verdict.difference is not None and verdict.margin is not None
    return verdict.difference.high < -verdict.margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models, or two checkpoints, on the same problems."""

    word: Change
    sentence: str
    paired: Interval
    """Mean of after - before over problems of this kind."""
    sampling: Interval
    """The same for these very problems: the noise of drawing samples only."""
    p_value: float
    """Exact two-sided sign-flip test of "equal on every problem"."""
    changed: int
    """Problems with different scores."""


def compare(before: stats.Matrix, after: stats.Matrix, *, seed: int = 0) -> Comparison:
    """Did the second model get better on the same problems in the same order?

    Both must agree: the exact test that neither model is better anywhere (p <= 5 %) and the paired
    95 % interval over problems (excludes zero). The bootstrap alone calls equal models different
    too often when few problems change.
    """
    paired = stats.paired_difference(before, after, seed=seed)
    first, second = stats.same_problems(before, after)
    change = second - first
    changed = int(np.sum(np.abs(change) > 1e-12))
    p_value = sign_flip_p(change, seed)
    word, sentence = change_in_words(paired, changed, p_value)
    if word != "not distinguishable":
        base, trained = stats.accuracy(before, seed=seed), stats.accuracy(after, seed=seed)
        separate = "overlap" if stats.overlap(base, trained) else "do not overlap"
        sentence += f", and the two intervals {separate}"
    return Comparison(
        word=word,
        sentence=f"{word}: {sentence}",
        paired=paired,
        sampling=stats.paired_sampling_difference(before, after),
        p_value=p_value,
        changed=changed,
    )


def change_in_words(paired: Interval, changed: int, p_value: float) -> tuple[Change, str]:
    """The word and why."""
    if changed < FEWEST_CHANGED:
        return "not distinguishable", (
            f"{counted(changed, 'problem')} changed, and fewer than {FEWEST_CHANGED} cannot tell a "
            "difference from chance (exact sign test)"
        )
    if paired.low <= 0 <= paired.high:
        reason = "the 95 % interval of the paired difference contains zero"
        return "not distinguishable", reason
    if p_value > 0.05:
        return "not distinguishable", (
            f"two equal models differ as much with a chance of {p_value:.0%} (exact sign-flip test)"
        )
    reason = f"the 95 % interval of the paired difference excludes zero (p = {p_value:.2g})"
    return "improved" if paired.value > 0 else "got worse", reason
