"""Answers that words or letters say: no solution, AC, circled numbers, 2:15 p.m.; for reprise.

Every function gives a normal form, equal for answers that say the same, or None for text of
another kind.
"""

import re

from evals.grading.words import unwrapped

_SETS = {
    r"\emptyset": r"(?:there (?:is|are) )?no (?:real |such )?(?:solutions?|roots?)(?: exists?)?|"
    r"(?:the )?empty set|no real numbers?|none exists?",
    r"\mathbb{R}": r"(?:the set of )?all (?:the )?real(?:s| numbers?(?: x)?| values?(?: of x)?)|"
    r"(?:any|every) real number|(?:the )?real numbers|reals",
    r"\mathbb{Z}": r"(?:the set of )?all (?:the )?integers|(?:any|every) integer|(?:the )?integers",
    r"(0,\infty)": r"(?:the set of )?all positive (?:real numbers|reals)|positive real numbers",
    r"\infty": r"(?:positive )?infinity",
    r"-\infty": r"(?:negative|minus) infinity",
}
_PHRASES = [(re.compile(phrase), notation) for notation, phrase in _SETS.items()]
_LETTERS = re.compile(r"[A-J](?:(?:[\s,;&]|and)*[A-J])+")
_CIRCLED = re.compile("[\u2460-\u2473](?:(?:[\\s,;&]|and)*[\u2460-\u2473])*")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?\s*(?:(a|p)\.?\s*m\.?)?", re.IGNORECASE)
_ABBREVIATIONS = {"dne": "does not exist"}
_INTRODUCED = re.compile(r"^(?:it is|it's|the answer is|on)\s+")
_JOINTS = re.compile(r"\s*(?:,|;|\band\b|&)\s*(?:and\s+)?")


def notation(text: str) -> str | None:
    """The notation for a set or an infinity that is said in words."""
    bare = unwrapped(text).lower()
    if len(bare) > 60 or not bare[:1].isalpha():
        return None
    return next((sign for phrase, sign in _PHRASES if phrase.fullmatch(bare)), None)


def letters(text: str) -> str | None:
    """Several options chosen, in order: ABD for A, B and D; with repeats they are no options."""
    bare = unwrapped(text).replace("(", "").replace(")", "")
    if len(bare) > 60 or not _LETTERS.fullmatch(bare):
        return None
    chosen = re.findall(r"[A-J]", bare)
    return "".join(chosen) if chosen == sorted(set(chosen)) else None


def circled(text: str) -> str | None:
    """Numbers in circles, in order."""
    if text.isascii() or len(text) > 100 or not _CIRCLED.fullmatch(bare := unwrapped(text)):
        return None
    return "".join(sorted(set(re.findall("[\u2460-\u2473]", bare))))


def clock(text: str) -> tuple[int, int, int, bool] | None:
    """Hours, minutes and seconds of a time of day, and whether a.m. or p.m. is said."""
    hit = _CLOCK.fullmatch(unwrapped(text)) if ":" in text and len(text) < 60 else None
    if hit is None:
        return None
    hours, minutes, seconds = int(hit[1]), int(hit[2]), int(hit[3] or 0)
    half = (hit[4] or "").lower()
    if half and hours <= 12:
        hours = hours % 12 + (12 if half == "p" else 0)
    return hours, minutes, seconds, bool(half)


def names(text: str) -> tuple[str, ...] | None:
    """Words joined by commas or `and`; a pair that `and` joins has no order, endings no meaning."""
    bare = _INTRODUCED.sub("", unwrapped(text).lower())
    if len(bare) > 200 or not re.fullmatch(r"[a-z][a-z' ,;&\-]+", bare):
        return None
    parts = [part for part in _JOINTS.split(bare) if part]
    cleaned = (re.sub(r"^(?:the|an?)\s+", "", part).replace("-", " ") for part in parts)
    whole = (_ABBREVIATIONS.get(part, part) for part in cleaned)
    found = [part.removesuffix("s") if len(part) > 3 else part for part in whole]
    return tuple(sorted(found) if len(found) == 2 and " and " in bare else found)


def says_the_same(gold: str, answer: str) -> bool | None:
    """Whether two answers of one of these kinds are equal; None when they are of no such kind."""
    for form in (letters, circled, names):
        wanted = form(gold)
        if wanted is not None and wanted == form(answer):
            return True
    return _same_time(clock(gold), clock(answer))


def _same_time(
    gold: tuple[int, int, int, bool] | None, answer: tuple[int, int, int, bool] | None
) -> bool | None:
    """Whether two times are one; without a.m. or p.m. a time may also be a ratio."""
    if gold is None or answer is None:
        return None
    if gold[3] != answer[3]:
        return True if (gold[0] - answer[0]) % 12 == 0 and gold[1:3] == answer[1:3] else None
    if gold[:3] == answer[:3]:
        return True
    return False if gold[3] else None
