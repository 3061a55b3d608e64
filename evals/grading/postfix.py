"""Parses what stands behind an atom: powers, primes, factorials, degrees, bases; for parser.py."""

from evals.grading.atoms import Atoms
from evals.grading.cursor import MAX_DEPTH
from evals.grading.tree import (
    Apply,
    Based,
    Bracket,
    LimitReached,
    Matrix,
    Node,
    Number,
    Symbol,
    Unreadable,
    Words,
    transposed,
)


class Postfix(Atoms):
    """The middle of the grammar."""

    def _postfix(self, base: Node) -> Node:
        for _ in range(MAX_DEPTH // 4):
            if self._is("operator", "^"):
                base = self._raised(base)
            elif self._is("operator", "_") and isinstance(base, Number):
                base = self._based(base)
            elif self._take("operator", "!"):
                base = Apply("factorial", (base,))
            elif self._take("operator", "%"):
                base = Apply("percent", (base,))
            elif self._take("operator", "'"):
                base = self._primed(base)
            else:
                return base
        raise LimitReached("postfix signs")

    def _primed(self, base: Node) -> Node:
        if isinstance(base, Symbol):
            return Symbol(base.name + "'")
        return Apply("call", (Symbol("'"), base))

    def _raised(self, base: Node) -> Node:
        self._next()
        if self._take("operator", "circ"):
            return self._degrees(base)
        if self._take("operator", "'"):
            return self._primed(base)
        if isinstance(base, Bracket | Matrix) and self._take("name", "T", "top"):
            return transposed(base)
        if self._take("operator", "*"):
            return Symbol(base.name + "*") if isinstance(base, Symbol) else base
        if self._is("open", "{") and self._peek(2).value == "}":
            inner = self._peek(1)
            if inner.kind == "operator" and inner.value in ("circ", "'", "*"):
                self.at += 3
                if inner.value == "circ":
                    return self._degrees(base)
                return self._primed(base) if inner.value == "'" else base
        if (
            self._is("open", "{")
            and all(self._peek(ahead).value == "'" for ahead in (1, 2))
            and self._peek(3).value == "}"
        ):
            self.at += 4
            return self._primed(self._primed(base))
        exponent = self._power()
        if isinstance(exponent, Apply) and exponent.head == "unit":
            raise Unreadable("words in an exponent")
        return Apply("power", (base, exponent))

    def _degrees(self, base: Node) -> Node:
        if self._is("name", "C", "F", "K"):
            return Apply("unit", (base, Words("degree " + self._next().value)))
        if self._is("words", "celsius", "fahrenheit", "c", "f", "k"):
            return Apply("unit", (base, Words("degree " + self._next().value[0].upper())))
        return Apply("degrees", (base,))

    def _power(self) -> Node:
        """An exponent: a group, or one signed factor without its own postfix."""
        if self._take("operator", "-"):
            return Apply("negate", (self._power(),))
        self._take("operator", "+")
        atom = self._atom()
        if self._is("operator", "^"):
            return self._raised(atom)
        return self._postfix(atom) if self._is("operator", "!") else atom

    def _based(self, base: Number) -> Node:
        digits = self.tokens[self.at - 1].value
        if not digits.isdigit():
            digits = str(base.value)
        self._next()
        number = self._atom()
        if not isinstance(number, Number) or number.value.denominator != 1:
            raise Unreadable("subscript of a number")
        return Based(digits, int(number.value))
