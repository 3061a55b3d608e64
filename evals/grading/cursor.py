"""A place in a list of tokens and the helpers that move it; atoms.py and parser.py build on it."""

from abc import ABC, abstractmethod

from evals.grading.tokens import Token
from evals.grading.tree import Apply, LimitReached, Node, Number

MAX_DEPTH = 80
MAX_TOKENS = 12_000
MAX_FACTORS = 150
"""Factors of one product, pieces of one union: each is a level of the tree."""
END = Token("end", "")


def _single_brackets(tokens: list[Token]) -> list[Token]:
    """The tokens without doubled brackets: ((7)) as (7), so that nesting costs no depth."""
    partner: dict[int, int] = {}
    stack: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind == "open":
            stack.append(index)
        elif token.kind == "close" and stack:
            partner[stack.pop()] = index
    dropped: set[int] = set()
    for start, end in partner.items():
        same = tokens[start].value in ("(", "{") and partner.get(start + 1) == end - 1
        if same and tokens[start + 1].value == tokens[start].value:
            dropped.update((start, end))
    return [token for index, token in enumerate(tokens) if index not in dropped]


class Cursor(ABC):
    """The tokens of one answer and the place that the parse has reached.

    Raises:
        LimitReached: there are too many tokens.
    """

    def __init__(self, tokens: list[Token]) -> None:
        if len(tokens) > MAX_TOKENS:
            raise LimitReached("tokens")
        self.tokens = _single_brackets(tokens)
        self.at = 0
        self.depth = 0
        self.bars = 0
        """Absolute values that are open."""
        self.in_set = False
        """Whether a colon starts the condition of a set."""

    def _peek(self, ahead: int = 0) -> Token:
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else END

    def _next(self) -> Token:
        token = self._peek()
        self.at += 1
        return token

    def _is(self, kind: str, *values: str) -> bool:
        token = self._peek()
        return token.kind == kind and (not values or token.value in values)

    def _take(self, kind: str, *values: str) -> bool:
        if self._is(kind, *values):
            self.at += 1
            return True
        return False

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitReached("depth")

    @abstractmethod
    def _item(self) -> Node:
        """One item of a list: a relation or an expression."""

    @abstractmethod
    def _sum(self) -> Node:
        """Terms with their signs."""

    @abstractmethod
    def _factor(self) -> Node:
        """An atom with what stands behind it: powers, factorials, primes."""

    @abstractmethod
    def _power(self) -> Node:
        """An exponent."""


def is_integer(node: Node) -> bool:
    return isinstance(node, Number) and node.digits is None and node.value.denominator == 1


def integer(node: Node) -> int | None:
    """The value of an integer literal, its sign included."""
    if isinstance(node, Apply) and node.head == "negate":
        inner = integer(node.args[0])
        return None if inner is None else -inner
    if isinstance(node, Number) and node.value.denominator == 1:
        return int(node.value)
    return None
