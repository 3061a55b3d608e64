"""Answers in plain language and multiple choice: east, even, (C); read by reprise.py."""

import re

_LETTERS = re.compile(r"[A-Za-z][A-Za-z' \-]*")
_CHOICE = re.compile(r"\(?\s*([A-Ja-j])\s*[).:]?")
_CHOICE_WITH_CONTENT = re.compile(r"(?:\(\s*([A-Ja-j])\s*\)|([A-J])\s*[).:])\s*\S.*", re.DOTALL)
_GOLD_WITH_CONTENT = re.compile(r"\(\s*([A-E])\s*\)\s*[^\s,;(].*", re.DOTALL)
_ANOTHER = re.compile(r"\(\s*[A-Ja-j]\s*\)|\bor\s+[A-J]\b")
"""A second letter: the answer chooses none."""
_WRAPPERS = re.compile(r"\\(?:text|mathbb|mathrm)\s*|[{}]|\\[ ,;!]|~|\\q?quad(?![A-Za-z])|[\"`]")
_ARTICLES = re.compile(r"\b(?:the|an?)\s+")
_OPTION_LETTER = re.compile(r"(?:\\text\s*\{)?\s*\(\s*[A-E]\s*\)\s*[:.]?\s*\}?(?:\\ )?\s*(?=\S)")
_OPTION = re.compile(
    r"^(?:the\s+)?(?:correct\s+)?(?:option|choice|answer|case)\s*(?:is\b|:)?\s+", re.IGNORECASE
)


def unwrapped(text: str) -> str:
    """The text without \\text and braces."""
    return re.sub(r"\s+", " ", _WRAPPERS.sub(" ", text)).strip(" .,;")


def words(text: str) -> str | None:
    """Normalised words of an answer in plain language; None for anything else."""
    bare = unwrapped(text)
    if len(bare) < 2 or not _LETTERS.fullmatch(bare):
        return None
    return re.sub(r"[\s\-]+", " ", _ARTICLES.sub("", bare.lower())).strip()


def gold_choice(text: str) -> str | None:
    """The letter of a gold answer like (C), E or (C) 12."""
    bare = unwrapped(text)
    hit = _CHOICE.fullmatch(bare)
    if hit:
        return hit[1] if hit[1].isupper() or len(bare) > 1 else None
    hit = _GOLD_WITH_CONTENT.fullmatch(bare)
    return hit[1] if hit else None


def option_content(text: str) -> str | None:
    """What stands behind the letter of a multiple-choice answer: 12 in (C) 12."""
    hit = _OPTION_LETTER.match(text)
    return text[hit.end() :].strip() or None if hit else None


def answer_choice(text: str) -> str | None:
    """The letter that an answer chooses: C, (C), c, C. or (C) with the option's content."""
    bare = _OPTION.sub("", unwrapped(text), count=1)
    hit = _CHOICE.fullmatch(bare)
    if hit:
        return hit[1].upper()
    hit = _CHOICE_WITH_CONTENT.fullmatch(bare)
    if hit and _ANOTHER.search(bare, 3):
        return None
    return (hit[1] or hit[2]).upper() if hit else None
