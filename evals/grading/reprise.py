"""The project's own grader: extraction, then text, number, choice, words, structure; pure.

`quick` decides in microseconds what text and plain numbers decide; `grade` does all of it. Both
are bounded by static limits; pool.py runs `grade` where it can be ended all the same.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from evals.grading import Verdict
from evals.grading.alternatives import second_readings
from evals.grading.extraction import Found, candidates, extract
from evals.grading.normal import key, plain
from evals.grading.spoken import notation, says_the_same
from evals.grading.tree import LimitReached, Unreadable
from evals.grading.words import answer_choice, gold_choice, option_content
from harness.errors import ConfigError

_PLAIN_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,400})(?:\.\d{0,400})?")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_NEEDS_READING = re.compile(r"[.,]")
"""Commas may separate a list, a decimal gold answer may be rounded."""
MAX_PARSED = 20_000
MAX_NUMBER = 400
MAX_HINTS = 8


def plain_number(text: str) -> Fraction | None:
    """The value of an integer or plain decimal, grouped by commas or not; None for the rest."""
    text = text.strip().strip("$").strip()
    if len(text) > MAX_NUMBER or not _PLAIN_NUMBER.fullmatch(text):
        return None
    return Fraction(text.replace(",", "").removesuffix("."))


def _decided(gold: str, found: Found) -> Verdict | None:
    """The verdict where equal text or two plain numbers decide; None where more is needed."""
    answer = found.text
    if gold.strip() == answer.strip():
        return Verdict(correct=True, extracted=answer, how="text")
    left, right = plain_number(gold), plain_number(answer)
    if left is not None and left == right:
        return Verdict(correct=True, extracted=answer, how="number")
    if left is not None and right is not None and not _NEEDS_READING.search(gold + answer):
        return Verdict(correct=False, extracted=answer, how="number")
    return None


def quick(truth: Mapping[str, Any], response: str) -> Verdict | None:
    """The same verdict as `grade`, where microseconds suffice; None where more is needed.

    Raises:
        ConfigError: the truth has no `answer`.
    """
    gold = _gold(truth)
    if response.strip() == gold.strip() != "":
        return Verdict(correct=True, extracted=response.strip(), how="text")
    found = extract(response)
    if found is None:
        return Verdict(correct=False, extracted=None, how="none", doubt="no answer")
    verdict = _decided(gold, found)
    return verdict and _doubted(gold, response, verdict)


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """The verdict on a response, whose gold answer is truth["answer"].

    Raises:
        ConfigError: the truth has no `answer`.
    """
    verdict = quick(truth, response)
    if verdict is not None:
        return verdict
    found = extract(response)
    assert found is not None  # else quick decides
    gold = _gold(truth)
    return _doubted(gold, response, _judged(gold, found.text))


def _gold(truth: Mapping[str, Any]) -> str:
    if "answer" not in truth:
        raise ConfigError(
            f"a ground truth with {', '.join(truth) or 'no field'} cannot be graded by reprise: "
            "it reads the field answer; give it, or name the grader that reads these fields"
        )
    return str(truth["answer"])


def _doubted(gold: str, response: str, verdict: Verdict) -> Verdict:
    """A wrong verdict with the doubt that the right answer stands elsewhere in the response."""
    if verdict.correct or verdict.doubt == "limit reached":
        return verdict
    if _hidden(gold, response, verdict.extracted or ""):
        return replace(verdict, doubt="right answer seen but not extracted")
    return verdict


def _hidden(gold: str, response: str, extracted: str) -> bool:
    """Whether another place of the response holds the gold answer in plain sight."""
    wanted, value = key(gold[:MAX_PARSED]), plain_number(gold)
    for text in candidates(response)[-MAX_HINTS:]:
        if text != extracted and len(text) <= len(gold) + 200:
            if value is not None and plain_number(text) == value:
                return True
            if key(text) == wanted:
                return True
    return False


def _judged(gold: str, answer: str) -> Verdict:
    try:
        correct, how = judge(gold, answer)
    except LimitReached:
        return Verdict(correct=False, extracted=answer, how="limit", doubt="limit reached")
    except Unreadable:
        return Verdict(correct=False, extracted=answer, how="unreadable", doubt="parser error")
    return Verdict(correct=correct, extracted=answer, how=how)


@lru_cache(maxsize=4096)
def judge(gold: str, answer: str) -> tuple[bool, str]:
    """Whether an extracted answer equals the gold answer, and by which step.

    Raises:
        LimitReached: one of them is larger than what is graded.
        Unreadable: one of them is in no known notation, and their texts differ.
    """
    if max(len(gold), len(answer)) > MAX_PARSED:
        return _same_long(gold, answer), "text"
    if key(gold) == key(answer):
        return True, "text"
    left, right = plain(gold), plain(answer)
    letter = gold_choice(left)
    if letter is not None and (chosen := answer_choice(right)) is not None:
        if chosen == letter.upper():
            return True, "choice"
        if letter.isupper():
            return False, "choice"
    told = says_the_same(left, right)
    if told is not None:
        return told, "words"
    left, right = notation(left) or left, notation(right) or right
    if _by_structure(left, right):
        return True, "structure"
    options = [option_content(left), option_content(right)]
    if any(options) and _by_structure(options[0] or left, options[1] or right):
        return True, "structure"
    return _by_second_reading(left, right), "structure"


def _by_second_reading(gold: str, answer: str) -> bool:
    pairs = [(gold, other) for other in second_readings(answer, gold)]
    pairs += [(other, answer) for other in second_readings(gold, answer)]
    return any(_readable_and_same(*pair) for pair in pairs)


def _readable_and_same(gold: str, answer: str) -> bool:
    try:
        return _by_structure(gold, answer)
    except Unreadable:
        return False


def _same_long(gold: str, answer: str) -> bool:
    if re.sub(r"\s+", "", gold) == re.sub(r"\s+", "", answer):
        return True
    raise LimitReached("characters")


def _readings(text: str) -> list[str]:
    """The text with commas as thousands separators where they can be, and as written."""
    joined = _without_thousands(text)
    return [joined, text] if joined != text else [text]


def _without_thousands(text: str) -> str:
    """Joins 1,234,567 outside of brackets, where commas separate items."""
    depth, out, last = 0, [], 0
    for hit in re.finditer(r"\\[{}]|[()\[\]]|(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])", text):
        token = hit[0]
        if token in ("(", "[", r"\{"):
            depth += 1
        elif token in (")", "]", r"\}"):
            depth -= 1
        elif depth <= 0:
            out.append(text[last : hit.start()] + token.replace(",", ""))
            last = hit.end()
    return "".join(out) + text[last:]


def _by_structure(gold: str, answer: str) -> bool:
    from evals.grading.compare import same
    from evals.grading.parser import Reading, parse

    def parsed(text: str) -> list[Reading]:
        return [parse(reading) for reading in _readings(text)]

    return any(same(left, right) for left in parsed(gold) for right in parsed(answer))
