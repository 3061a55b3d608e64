"""Cuts an answer in plain spelling into tokens; read by parser.py."""

import re
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

from evals.grading.tree import LimitReached, Number, Unreadable
from evals.grading.units import spelled_unit
from evals.grading.vocabulary import (
    ACCENTS,
    CONDITION,
    CONSTANTS,
    FUNCTIONS,
    IGNORED,
    NUMBER_WORDS,
    OPERATORS,
    PERCENT_WORDS,
    RELATIONS,
    SEPARATING,
    SMALL_WORDS,
    UNIT_WORDS,
)

MAX_CHARACTERS = 20_000
MAX_DEPTH = 10
"""Texts inside of texts."""
MAX_DIGITS = 2_000
MAX_EXPONENT = 2_000

_NUMBER = re.compile(
    r"(?P<whole>\d+)?(?:\.(?P<part>\d*))?"
    r"(?P<repeat>\\(?:overline|bar|dot)\s*\{\s*\d+\s*\}|\(\d+\)(?=\s*(?:$|[,;]))|\d*\.\.\.|\\ldots(?![A-Za-z]))?"
    r"(?:[eE](?P<power>[+-]?\d+)(?![\d.]*[A-Za-z^]))?"
)
_NAME = re.compile(r"[A-Za-z]+")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
_RELATION = re.compile(r"<=|>=|==|!=|=|<|>|~")
_FUNCTION_INSIDE = re.compile(r"[A-Za-z]{1,2}(?:sin|cos|tan|ln|log|exp|sqrt|pi)[A-Za-z]?")
_BLANK = re.compile(r"\s+")
_MATHS_IN_TEXT = re.compile(
    r"\s*(?:[-+]?[\d.,\s/^]*\d[\d.,\s/^]*|[A-Za-z]|\([A-Za-z]\)|(?:sin|cos|tan|log|ln|cot|sec|csc|lim|max|min))\s*"
)


class Token(NamedTuple):
    """One token; `spaced` when a blank stands before it."""

    kind: str
    """number, name, function, constant, operator, relation, open, close, comma, separator, words,
    unit, command, environment, column, row, condition."""
    value: str
    number: Number | None = None
    spaced: bool = False


def _repeating(whole: str, part: str, repeat: str) -> Number:
    """0.1\\overline{6} and 0.333... as exact fractions; 1.414... as a decimal."""
    if repeat.endswith("...") or repeat.startswith(r"\ldots"):
        hit = re.search(r"(\d{1,6}?)\1{2,}$", part) or re.search(r"(\d{2,6})\1$", part)
        if hit is None:
            return _decimal(whole, part, 0)
        part, block = part[: hit.start()], hit[1]
    else:
        block = re.sub(r"\D", "", repeat)
    if len(block) > MAX_DIGITS or len(part) + len(whole) > MAX_DIGITS:
        raise LimitReached("digits")
    head = Fraction(int((whole + part) or "0"), 10 ** len(part))
    return Number(head + Fraction(int(block), 10 ** len(part) * (10 ** len(block) - 1)))


def _decimal(whole: str, part: str, power: int) -> Number:
    if len(whole) + len(part) > MAX_DIGITS or abs(power) > MAX_EXPONENT:
        raise LimitReached("digits")
    value = Fraction(int(whole + part or "0")) * Fraction(10) ** (power - len(part))
    digits = len((whole + part).lstrip("0"))
    return Number(value, digits, len(part) - power)


def _number(hit: re.Match[str]) -> Number:
    whole, part = hit["whole"] or "", hit["part"]
    if hit["repeat"]:
        if part is None:
            raise Unreadable("ellipsis")
        return _repeating(whole, part + re.match(r"\d*", hit["repeat"])[0], hit["repeat"])  # type: ignore[index]
    power = hit["power"]
    if power is not None and len(power) > 6:
        raise LimitReached("exponent")
    if part or power is not None:
        return _decimal(whole, part or "", int(power or 0))
    if len(whole) > MAX_DIGITS:
        raise LimitReached("digits")
    return Number(Fraction(int(whole)))


def group_end(text: str, start: int) -> int:
    """Index behind the brace that closes the one at `start`; the end of the text without one."""
    depth, at = 0, start
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            at += 1
        elif letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return len(text)


class Tokenizer:
    """One pass over an answer; `tokens` is what it found."""

    def __init__(self, text: str, depth: int = 0) -> None:
        if len(text) > MAX_CHARACTERS or depth > MAX_DEPTH:
            raise LimitReached("characters")
        self.depth = depth
        self.text = text
        self.at = 0
        self.tokens: list[Token] = []
        self._arguments = 0  # of \frac and \binom still to come: a digit alone is one of them
        self._outer: list[int] = []
        while self.at < len(text):
            self._step()

    def _add(self, kind: str, value: str, number: Number | None = None) -> None:
        self.tokens.append(Token(kind, value, number, self._spaced))
        if self._arguments and value not in ("frac", "binom"):
            self._arguments -= 1

    def _step(self) -> None:
        text = self.text
        blank = _BLANK.match(text, self.at)
        self._spaced = blank is not None
        if blank:
            self.at = blank.end()
            if self.at == len(text):
                return
        letter = text[self.at]
        if (letter.isascii() and letter.isdigit()) or (
            letter == "." and text[self.at + 1 : self.at + 2].isdigit()
        ):
            self._digits()
        elif letter == "\\":
            self._command()
        elif letter.isascii() and letter.isalpha():
            self._letters()
        else:
            self._sign(letter)

    def _digits(self) -> None:
        if self._arguments and self.text[self.at] != ".":
            self._add("number", self.text[self.at], Number(Fraction(int(self.text[self.at]))))
            self.at += 1
            return
        hit = _NUMBER.match(self.text, self.at)
        assert hit is not None
        self.at = hit.end()
        self._add("number", hit[0], _number(hit))

    def _sign(self, letter: str) -> None:
        hit = _RELATION.match(self.text, self.at)
        if hit:
            self.at = hit.end()
            self._add("relation", RELATIONS[hit[0]])
            return
        self.at += 1
        if letter == "{":
            self._outer.append(max(0, self._arguments - 1))
            self._arguments = 0
            self.tokens.append(Token("open", "{", None, self._spaced))
        elif letter == "}":
            self.tokens.append(Token("close", "}", None, self._spaced))
            self._arguments = self._outer.pop() if self._outer else 0
        elif letter in "([":
            self._add("open", letter)
        elif letter in ")]":
            self._add("close", letter)
        elif letter == "*" and self.text[self.at : self.at + 1] == "*":
            self.at += 1
            self._add("operator", "^")
        elif letter in OPERATORS:
            self._add("operator", OPERATORS[letter])
        elif letter == ",":
            self._add("comma", ",")
        elif letter in ";\n":
            self._add("separator", ";")
        elif letter == "&":
            self._add("column", "&")
        elif letter in '"?`':
            pass
        elif letter == "." and self.text[self.at : self.at + 2] == "..":
            self.at += 2
            self._add("operator", "...")
        elif letter.isalpha():
            self._add("name", letter)
        else:
            raise Unreadable(f"character {letter!r}")

    def _command(self) -> None:
        hit = _COMMAND.match(self.text, self.at)
        if hit is None:
            self.at += 1
            return
        command, name = hit[0], hit[0][1:]
        self.at = hit.end()
        if command in RELATIONS:
            self._add("relation", RELATIONS[command])
        elif command in OPERATORS:
            self._add("operator", OPERATORS[command])
        elif name == "text":
            self._text()
        elif name in ("begin", "end"):
            end = group_end(self.text, self.at)
            self._add(name, self.text[self.at : end].strip("{}* "))
            self.at = end
            if name == "begin" and self.text[self.at : self.at + 1] in ("{", "["):
                self.at = self.text.find(
                    "}" if self.text[self.at] == "{" else "]", self.at
                ) + 1 or len(self.text)
        elif command in ("\\\\", r"\cr"):
            self._add("row", name)
            spacing = re.compile(r"\s*\[[\d.]*(?:pt|em|ex|mm)\]").match(self.text, self.at)
            self.at = spacing.end() if spacing else self.at
        elif name in ("{", "}", "langle", "rangle", "lfloor", "rfloor", "lceil", "rceil"):
            kind = "open" if name in ("{", "langle", "lfloor", "lceil") else "close"
            self._add(kind, {"{": r"\{", "}": r"\}"}.get(name, name))
        elif name in ("frac", "binom"):
            self._add("command", name)
            self._arguments = 2
        elif name in FUNCTIONS:
            self._add("function", FUNCTIONS[name])
        elif name in CONSTANTS:
            self._add("constant", CONSTANTS[name])
        elif name in ACCENTS:
            self._add("accent", name)
        elif name in ("land", "lor", "wedge", "vee"):
            self._add("separator", "and")
        elif name == "emptyset":
            self._add("constant", "emptyset")
        elif name == "forall":
            self._add("condition", name)
        elif name in IGNORED or not name.isalpha():
            pass
        else:
            self._add("name", name)

    def _text(self) -> None:
        rest = _BLANK.match(self.text, self.at)
        start = rest.end() if rest else self.at
        if self.text[start : start + 1] != "{":
            self.at = start
            return
        end = group_end(self.text, start)
        inner = (
            self.text[start + 1 : end - 1] if self.text[end - 1] == "}" else self.text[start + 1 :]
        )
        self.at = end
        if self._follows_quantity() and (unit := spelled_unit(inner)):
            self._add("words", unit)
            return
        if inner.strip() in FUNCTIONS:
            self._add("function", FUNCTIONS[inner.strip()])
            return
        if _MATHS_IN_TEXT.fullmatch(inner) or "\\" in inner:
            self._inline(Tokenizer(inner, self.depth + 1).tokens)
            return
        if re.search(r"[0-9]", inner):
            with suppress(Unreadable):
                self._inline(Tokenizer(inner, self.depth + 1).tokens)
                return
        self._language(inner)

    def _follows_quantity(self) -> bool:
        """Whether a number stands before, or another unit: with a dot or slash, or side by side."""
        before = [token for token in self.tokens[-2:] if token.kind != "close"]
        if before and before[-1].kind == "operator" and before[-1].value in ("/", "*"):
            return before[0].kind == "words"
        return bool(self.tokens) and (
            self.tokens[-1].kind in ("number", "words") or self.tokens[-1].value in (")", "}")
        )

    def _inline(self, tokens: list[Token]) -> None:
        for token in tokens:
            self._add(token.kind, token.value, token.number)

    def _language(self, inner: str) -> None:
        """Words: a separator, a condition that ends the answer, a number, or plain language."""
        words = re.sub(r"[^\w'/%.\- ]", " ", inner).lower().split()
        text = " ".join(words).strip(". ")
        if not words:
            if "," in inner or ";" in inner:
                self._add("comma", ",")
        elif text in SEPARATING:
            self._add("separator", "and")
        elif CONDITION.match(text):
            self._add("condition", text)
        elif words[0] in SEPARATING and len(words) > 1:
            self._add("separator", "and")
            self._language(" ".join(words[1:]))
        elif text == "to" and self.tokens and self.tokens[-1].kind == "number":
            self._add("operator", ":")
        elif words[-1] in SEPARATING:
            self._language(" ".join(words[:-1]))
            self._add("separator", "and")
        elif text in PERCENT_WORDS:
            self._add("operator", "%")
        elif text in NUMBER_WORDS:
            self._add("number", text, Number(NUMBER_WORDS[text]))
        else:
            self._add("words", text)

    def _letters(self) -> None:
        hit = _NAME.match(self.text, self.at)
        assert hit is not None
        run = hit[0]
        if run in ("np", "math", "numpy") and self.text[hit.end() : hit.end() + 1] == ".":
            self.at = hit.end() + 1
            return
        known = _known_prefix(run)
        after = self.tokens[-1].kind if self.tokens else ""
        if after == "number" and run in UNIT_WORDS:
            known = None
        if run.lower() in SEPARATING:
            self.at = hit.end()
            self._add("separator", "and")
        elif run in ("U", "u") and after == "close":
            self.at = hit.end()
            self._add("operator", "cup")
        elif known is not None:
            self.at += len(known)
            kind = "function" if known in FUNCTIONS else "constant"
            self._add(kind, FUNCTIONS.get(known) or CONSTANTS[known])
        elif self._is_language(run):
            self._plain_words()
        else:
            self.at += 1
            self._add("name", run[0])

    def _is_language(self, run: str) -> bool:
        if _FUNCTION_INSIDE.fullmatch(run):
            return False
        if len(run) >= 4 or run.lower() in SMALL_WORDS:
            return True
        follows = bool(self.tokens) and self.tokens[-1].kind == "number"
        return follows and run.lower() in UNIT_WORDS

    def _plain_words(self) -> None:
        """Words outside \\text: as far as words follow each other."""
        hit = re.compile(
            r"[A-Za-z][A-Za-z'\-]*[A-Za-z](?:[ ]+[A-Za-z][A-Za-z'\-]*[A-Za-z])*"
        ).match(self.text, self.at)
        assert hit is not None
        words = hit[0].split(" ")
        kept: list[str] = []
        end = self.at
        for word in words:
            if kept and word.lower() in SEPARATING:
                break
            end += len(word) + (1 if kept else 0)
            kept.append(word)
        self.at = max(end, self.at + len(kept[0]))
        self._language(" ".join(kept))


def _known_prefix(run: str) -> str | None:
    """A function or constant that a run of letters is, or begins with: pi in pix, sin in sinx."""
    if run in FUNCTIONS or run in CONSTANTS:
        return run
    for name in (
        "arcsin",
        "arccos",
        "arctan",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "log",
        "exp",
        "ln",
        "pi",
    ):
        if run.startswith(name) and len(run) - len(name) <= 1:
            return name
    return None


def tokenize(text: str) -> list[Token]:
    """The tokens of an answer in plain spelling.

    Raises:
        LimitReached: too many characters or digits.
        Unreadable: a character without meaning.
    """
    return Tokenizer(text).tokens
