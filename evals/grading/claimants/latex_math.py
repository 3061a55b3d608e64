"""Reads LaTeX as sympy's parse_latex does, text behind the first expression ignored; read by the
claimants whose graders call it.

sympy's own reader needs antlr 4.11, which cannot be installed beside Hydra. Integrals, sums,
limits, derivatives, bra-kets and evaluations at a bound are not read.
Source: sympy/parsing/latex/LaTeX.g4 and _parse_latex_antlr.py (1.14).
"""

from collections.abc import Callable, Mapping
from typing import Any

from evals.grading.claimants.latex_tokens import BAD, tokens
from evals.grading.claimants.python_math import Unreadable

Join = Callable[[Any, Any], Any]

MAX_STEPS = 20_000
"""Tokens looked at, those read twice included; bounds what ambiguous nesting can cost."""

RELATIONS = {"=": "Eq", "<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge", "!=": "Ne"}
BRACKETS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}
LOGARITHMS = ("\\log", "\\ln", "\\lg")
CIRCULAR = ("sin", "cos", "tan", "csc", "sec", "cot", "sinh", "cosh", "tanh")
FUNCTIONS = {
    **{"\\" + name: name for name in (*CIRCULAR, "exp")},
    **{"\\arc" + name: "a" + name for name in CIRCULAR[:6]},
    **{"\\ar" + name: "a" + name for name in CIRCULAR[6:]},
    **dict.fromkeys(LOGARITHMS, "log"),
}
STRUCTURES = ("\\frac", "\\binom", "\\sqrt", "\\overline", "\\lfloor", "\\lceil")
UNREAD_COMMANDS = (
    "int sum prod lim langle rangle mathit to rightarrow Rightarrow longrightarrow Longrightarrow "
    "rfloor rceil"
)
UNREAD = frozenset("\\" + name for name in UNREAD_COMMANDS.split())


class BadCharacter(Unreadable):
    """What stands where reading would go on spoils what was read before it."""


def read(text: str) -> Any:
    """The sympy expression that the longest readable beginning of the text stands for.

    Raises:
        Unreadable: no beginning of the text is an expression.
    """
    try:
        return _Reader(tokens(text.strip())).relation()
    except Unreadable:
        raise
    except Exception as error:  # sympy raises what it likes on a malformed expression
        raise Unreadable(f"{type(error).__name__}: {error}") from error


class _Reader:
    """A reader of tokens, one method a rule of the grammar; `at` is the next token."""

    def __init__(self, found: list[str]) -> None:
        import sympy

        self.sympy = sympy
        self.found = found
        self.at = 0
        self.steps = 0

    def next(self) -> str:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise RecursionError("too ambiguous")
        token = self.found[self.at] if self.at < len(self.found) else ""
        if token == BAD:
            raise BadCharacter
        return token

    def take(self, *allowed: str) -> str:
        token = self.next()
        if token not in allowed:
            raise Unreadable(f"{token!r} where one of {allowed} is due")
        self.at += 1
        return token

    def attempt(self, rule: Callable[[], Any]) -> Any:
        """What the rule reads, or None with nothing taken."""
        start = self.at
        try:
            return rule()
        except BadCharacter:
            raise
        except Unreadable:
            self.at = start
            return None

    def chain(self, part: Callable[[], Any], join: Mapping[str, Join]) -> Any:
        """Parts joined by operators, from left to right."""

        def more() -> Any:
            return join[self.take(*join)](value, part())

        value = part()
        while self.next() in join:
            longer = self.attempt(more)
            if longer is None:
                break
            value = longer
        return value

    def relation(self) -> Any:
        joins = {sign: getattr(self.sympy, name) for sign, name in RELATIONS.items()}
        return self.chain(self.sum, joins)

    def sum(self) -> Any:
        return self.chain(self.product, {"+": self.plus, "-": self.minus})

    def plus(self, left: Any, right: Any) -> Any:
        return self.sympy.Add(left, right, evaluate=False)

    def minus(self, left: Any, right: Any) -> Any:
        negative = -right if right.is_Atom else self.times(-1, right)
        return self.sympy.Add(left, negative, evaluate=False)

    def times(self, left: Any, right: Any) -> Any:
        return self.sympy.Mul(left, right, evaluate=False)

    def over(self, left: Any, right: Any) -> Any:
        inverse = self.sympy.Pow(right, -1, evaluate=False)
        return inverse if left == 1 else self.times(left, inverse)

    def divided(self, left: Any, right: Any) -> Any:
        return self.times(left, self.sympy.Pow(right, -1, evaluate=False))

    def product(self) -> Any:
        return self.chain(self.signed, {"*": self.times, "/": self.divided})

    def bare_argument(self) -> Any:
        """The argument of a function without parentheses: 'sin 2x cos x' ends before cos."""
        joins = {"*": self.times, "/": self.divided}
        return self.chain(lambda: self.signed(applied=False), joins)

    def signed(self, applied: bool = True) -> Any:
        if self.next() in ("+", "-"):
            sign = self.take("+", "-")
            value = self.signed(applied)
            return -value if sign == "-" else value
        factors = [self.postfix(True)]
        while True:
            factor = self.attempt(lambda: self.postfix(applied))
            if factor is None:
                return self.joined(factors)
            factors.append(factor)

    def joined(self, factors: list[Any]) -> Any:
        """The product of neighbours; an x between two numbers is a sign of multiplication."""
        value = factors[-1]
        for place in reversed(range(len(factors) - 1)):
            around = factors[place - 1 : place + 2 : 2] if place else []
            if str(factors[place]) == "x" and around and not any(f.free_symbols for f in around):
                continue
            value = self.times(factors[place], value)
        return value

    def postfix(self, applied: bool) -> Any:
        value = self.power(applied)
        while self.next() == "!":
            self.take("!")
            value = self.sympy.factorial(value, evaluate=False)
        return value

    def power(self, applied: bool) -> Any:
        def raised() -> Any:
            self.take("^")
            exponent = self.script()
            if self.next() == "_":
                self.attempt(self.subscript)
            return self.sympy.Pow(value, exponent, evaluate=False)

        value = self.component(applied)
        while self.next() == "^":
            higher = self.attempt(raised)
            if higher is None:
                break
            value = higher
        return value

    def script(self) -> Any:
        """What follows ^ or _: something in braces, or one atom."""
        return self.bracketed("{") if self.next() == "{" else self.atom()

    def subscript(self) -> Any:
        self.take("_")
        return self.script()

    def bracketed(self, opening: str) -> Any:
        self.take(opening)
        value = self.sum()
        self.take(BRACKETS[opening])
        return value

    def component(self, applied: bool) -> Any:
        token = self.next()
        if token in BRACKETS:
            return self.bracketed(token)
        if token == "|":
            self.take("|")
            inside = self.sum()
            self.take("|")
            return self.sympy.Abs(inside, evaluate=False)
        if token in ("\\sqrt", "\\overline") or token in FUNCTIONS:
            if not applied:
                raise Unreadable("a function where none is due")
            return self.function(token)
        if applied and _is_name(token):
            call = self.attempt(self.call)
            if call is not None:
                return call
        return self.atom()

    def function(self, token: str) -> Any:
        if token == "\\overline":
            self.take(token)
            return self.sympy.conjugate(self.bracketed("{"), evaluate=False)
        return self.root() if token == "\\sqrt" else self.applied_function(token)

    def root(self) -> Any:
        self.take("\\sqrt")
        degree = self.bracketed("[") if self.next() == "[" else 2
        return self.sympy.root(self.bracketed("{"), degree, evaluate=False)

    def applied_function(self, token: str) -> Any:
        self.take(token)
        start = self.at
        for last_digit in (None, -1):  # in log_2 8, where spaces are gone, 8 is the argument
            self.at = start
            scripts: dict[str, Any] = {}
            while self.next() in ("^", "_") and self.next() not in scripts:
                sign = self.take("^", "_")
                scripts[sign] = self.digits_but(last_digit) or self.script()
            argument = self.attempt(self.argument)
            if argument is not None:
                return self.raised_function(token, argument, scripts)
        raise Unreadable(f"{token} of nothing")

    def argument(self) -> Any:
        return self.arguments()[0] if self.next() == "(" else self.bare_argument()

    def digits_but(self, end: int | None) -> Any:
        """The number made of the digits ahead up to `end`; None when `end` is None."""
        start = self.at
        digits = self.digits()[:end]
        self.at = start + len(digits)
        if end is None or not digits:
            self.at = start
            return None
        return self.sympy.Number(digits)

    def raised_function(self, token: str, value: Any, scripts: dict[str, Any]) -> Any:
        name, power = FUNCTIONS[token], scripts.get("^")
        if token in LOGARITHMS:
            base = scripts.get("_", 10 if token == "\\lg" else self.sympy.E)
            applied = self.sympy.log(value, base, evaluate=False)
        else:
            inverse = name in CIRCULAR and power == -1
            name, power = ("a" + name, None) if inverse else (name, power)
            applied = getattr(self.sympy, name)(value, evaluate=False)
        return self.sympy.Pow(applied, power, evaluate=False) if power else applied

    def arguments(self) -> list[Any]:
        self.take("(")
        values = [self.sum()]
        while self.next() == ",":
            self.take(",")
            values.append(self.sum())
        self.take(")")
        return values

    def call(self) -> Any:
        """A named function of arguments in parentheses, such as f(x) or \\alpha_1(2)."""
        name = self.name()
        return self.sympy.Function(name)(*self.arguments())

    def name(self) -> str:
        token = self.next()
        self.take(token)
        name, primes = token.removeprefix("\\"), ""
        subscript = ""
        for _ in range(2):
            if self.next() == "_" and not subscript:
                subscript = "_{" + str(self.subscript()) + "}"
            elif self.next().startswith("'") and not primes:
                primes = self.take(self.next())
        return name + subscript + (primes if len(token) == 1 else "")

    def atom(self) -> Any:
        token = self.next()
        if token.isdigit():
            return self.number()
        if token in STRUCTURES:
            return self.structure(token)
        if token == "\\infty":
            self.name()
            return self.sympy.oo
        if _is_name(token):
            return self.sympy.Symbol(self.name())
        if len(token) > 1 and token[0] == "d":  # a differential, read as one name
            self.take(token)
            return self.sympy.Symbol("d" + token[1:].removeprefix("\\"))
        raise Unreadable(f"{token!r} begins no expression")

    def number(self) -> Any:
        digits = self.digits()
        while self.next() == "," and all(map(str.isdigit, self.ahead(1, 4))):
            self.take(",")
            digits += "".join(self.take(token) for token in self.ahead(0, 3))
        if self.next() == ".":
            if not self.ahead(1, 2)[0].isdigit():
                raise BadCharacter  # sympy reads 468. as 4*6
            self.take(".")
            digits += "." + self.digits()
        return self.sympy.Number(digits)

    def ahead(self, first: int, end: int) -> list[str]:
        return (self.found[self.at + first : self.at + end] + [""] * end)[: end - first]

    def digits(self) -> str:
        start = self.at
        while self.next().isdigit():
            self.at += 1
        return "".join(self.found[start : self.at])

    def structure(self, token: str) -> Any:
        self.take(token)
        if token == "\\frac":
            return self.over(self.part_of_fraction(), self.part_of_fraction())
        if token == "\\binom":
            pair = self.bracketed("{"), self.bracketed("{")
            return self.sympy.binomial(*pair, evaluate=False)
        inside = self.sum()
        if token == "\\lfloor":
            self.take("\\rfloor")
            return self.sympy.floor(inside, evaluate=False)
        self.take("\\rceil")
        return self.sympy.ceiling(inside, evaluate=False)

    def part_of_fraction(self) -> Any:
        if self.next().isdigit():
            return self.sympy.Number(self.take(self.next()))
        return self.bracketed("{")


def _is_name(token: str) -> bool:
    """A letter, or a command without a meaning of its own."""
    if len(token) == 1:
        return token.isalpha()
    if token[:1] != "\\" or not token[1:].isalpha():
        return False
    return token not in FUNCTIONS and token not in STRUCTURES and token not in UNREAD
