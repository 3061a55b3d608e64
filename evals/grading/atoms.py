"""Parses what expressions are built of: names, functions, brackets, matrices; for parser.py."""

from fractions import Fraction

from evals.grading.cursor import END, MAX_FACTORS, Cursor, integer
from evals.grading.tokens import Token
from evals.grading.tree import (
    Apply,
    Bracket,
    Listing,
    Matrix,
    Node,
    Number,
    Relation,
    Symbol,
    Unreadable,
    Words,
    children,
    symbols,
)

MATRICES = ("pmatrix", "bmatrix", "matrix", "vmatrix", "Bmatrix", "Vmatrix", "smallmatrix", "array")
STACKS = ("cases", "align", "aligned", "gathered", "split", "gather", "equation", "rcases")
CALLED = set(["f", "g", "h", "F", "G", "H", "Phi", "phi", "psi", "Psi"])
"""Letters that name a function wherever brackets follow; others multiply."""
EXTREMES = frozenset({"max", "min", "gcd", "lcm", "det"})
CLOSING = {"(": ")]", "[": ")]", r"\{": r"\}", "{": "}", "langle": "rangle", "lfloor": "rfloor",
           "lceil": "rceil"}  # fmt: skip
ARGUMENTS = {
    "binom": (2, 2), "log": (1, 2), "max": (1, 99), "min": (1, 99), "gcd": (1, 99), "lcm": (1, 99),
}  # fmt: skip
"""Least and most arguments of the functions that do not have exactly one."""


class Atoms(Cursor):
    """The lower half of the grammar."""

    def _atom(self) -> Node:
        token = self._next()
        if token.kind == "number":
            return self._joined(token)
        if token.kind == "name":
            return self._name(token.value)
        if token.kind == "constant":
            return Apply(token.value, ())
        if token.kind == "function":
            return self._function(token.value)
        if token.kind == "command":
            return self._command(token.value)
        if token.kind == "accent":
            return self._accent(token.value)
        if token.kind == "open":
            return self._bracket(token.value)
        if token.kind == "begin":
            return self._environment(token.value)
        if token.kind == "words":
            return (
                self._subscripted(token.value) if self._is("operator", "_") else Words(token.value)
            )
        if token.kind == "operator" and token.value == "|":
            return self._absolute()
        if token.kind == "operator" and token.value == "...":
            return Symbol("...")
        raise Unreadable(f"unexpected {token.value!r}")

    def _joined(self, token: Token) -> Node:
        """A number, with groups of three digits that blanks separate joined."""
        assert token.number is not None
        digits = token.value
        while (
            self._is("number")
            and len(self._peek().value) == 3
            and self._peek().value.isdigit()
            and self._peek().spaced
            and digits.isdigit()
            and (len(token.value) <= 3)
            and self._peek(1).value != "/"
        ):
            digits += self._next().value
        return token.number if digits == token.value else Number(Fraction(int(digits)))

    def _name(self, name: str) -> Node:
        if name in ("e", "i") and not self._is("operator", "_"):
            return Apply({"e": "e", "i": "imaginary"}[name], ())
        if name in ("P", "Pr") and self._is_event():
            return Symbol(name)
        symbol = self._subscripted(name)
        while self._is("operator", "'"):
            self._next()
            symbol = Symbol(symbol.name + "'")
        if self._is("operator", "^") and self._prime_group():
            symbol = Symbol(symbol.name + "'")
        if symbol.name in CALLED and self._inverse():
            symbol = Symbol(symbol.name + "^-1")
        called = symbol.name.split("_")[0].rstrip("'") in CALLED
        if self._is("open", "(") and (called or self._call_of_number() or self._is_defined()):
            self._next()
            inner = self._bracket("(")
            items = inner.items if isinstance(inner, Bracket) else (inner,)
            return Apply("call", (symbol, *items))
        return symbol

    def _prime_group(self) -> bool:
        if self._peek(1).value == "'":
            self.at += 2
            return True
        if [self._peek(ahead).value for ahead in (1, 2, 3)] == ["{", "'", "}"]:
            self.at += 4
            return True
        return False

    def _inverse(self) -> bool:
        """Takes the -1 of f^{-1}(x)."""
        seen = [self._peek(ahead).value for ahead in range(6)]
        if seen == ["^", "{", "-", "1", "}", "("]:
            self.at += 5
            return True
        return False

    def _is_event(self) -> bool:
        """Takes the event of P(A|B) = ..., which only names the probability."""
        if not self._is("open", "(", "["):
            return False
        depth = 0
        for end in range(self.at, len(self.tokens)):
            depth += {"open": 1, "close": -1}.get(self.tokens[end].kind, 0)
            if depth == 0:
                if self.tokens[end + 1 : end + 2] and self.tokens[end + 1].kind == "relation":
                    self.at = end + 1
                    return True
                return False
        return False

    def _call_of_number(self) -> bool:
        """Whether a bracket holds nothing but a number: I(0) is a value of I, not a product."""
        return self._peek(1).kind == "number" and self._peek(2).value == ")"

    def _is_defined(self) -> bool:
        """Whether p(x, y) stands before an equals sign: p names a function there."""
        ahead = 1
        while self._peek(ahead).kind in ("name", "comma"):
            ahead += 1
        closed = ahead > 1 and self._peek(ahead).value == ")"
        return closed and self._peek(ahead + 1)[:2] == ("relation", "=")

    def _subscripted(self, name: str) -> Symbol:
        while self._take("operator", "_"):
            name += "_" + self._script_text()
        return Symbol(name)

    def _script_text(self) -> str:
        """The text of a subscript, braces dropped: max in m_{\\max}, 1 in x_{1}."""
        if not self._is("open", "{"):
            return self._next().value.strip("\\")
        depth, parts = 0, []
        while True:
            token = self._next()
            if token is END:
                raise Unreadable("unclosed subscript")
            depth += {"open": 1, "close": -1}.get(token.kind, 0)
            if token.kind not in ("open", "close"):
                parts.append(token.value)
            if depth == 0:
                return "".join(parts)

    def _accent(self, name: str) -> Node:
        inner = self._atom()
        if name == "overline" and not isinstance(inner, Symbol):
            return inner
        if isinstance(inner, Number):
            raise Unreadable("accent on a number")
        if isinstance(inner, Symbol):
            inner = Symbol(f"{name} {inner.name}")
            return self._subscripted(inner.name)
        if isinstance(inner, Apply) and not inner.args:
            return Symbol(f"{name} {inner.head}")
        return Apply("call", (Symbol(name), inner))

    def _absolute(self) -> Node:
        self._deeper()
        self.bars += 1
        inner = self._sum()
        self.bars -= 1
        if not self._take("operator", "|"):
            raise Unreadable("unclosed bar")
        self.depth -= 1
        return Apply("abs", (inner,))

    def _bracket(self, opening: str) -> Node:
        self._deeper()
        bars, self.bars = self.bars, 0
        in_set, self.in_set = self.in_set, opening in ("{", r"\{")
        items: list[Node] = []
        ordered = False
        while not self._is("close"):
            if self._peek() is END:
                raise Unreadable("unclosed bracket")
            if self._take("comma") or self._take("separator"):
                ordered = True
                continue
            items.append(self._item())
            if opening in ("{", r"\{") and (self._is("operator", "|", ":")):
                items[-1] = self._builder(items[-1])
            elif not (self._is("close") or self._is("comma") or self._is("separator")):
                raise Unreadable(f"unexpected {self._peek().value!r}")
        closing = self._next().value
        self.bars, self.in_set = bars, in_set
        self.depth -= 1
        return self._closed(opening, closing, tuple(items), ordered)

    def _closed(self, opening: str, closing: str, items: tuple[Node, ...], listed: bool) -> Node:
        if (closing not in (")", "]") and closing != CLOSING[opening]) or (
            closing in (")", "]") and opening not in ("(", "[")
        ):
            raise Unreadable("brackets that do not match")
        if opening in ("lfloor", "lceil") and len(items) == 1:
            return Apply({"lfloor": "floor", "lceil": "ceil"}[opening], items)
        if len(items) == 1 and not listed and opening in ("(", "[", "{"):
            if opening + closing in ("(]", "[)"):
                raise Unreadable("half-open bracket with one item")
            return items[0]
        if opening == r"\{" or opening == "{":
            return Bracket("{}", items)
        return Bracket("()" if opening == "langle" else opening + closing, items)

    def _builder(self, variable: Node) -> Node:
        """The condition of {x | condition}: the set it says."""
        self._next()
        conditions = [self._item()]
        while self._take("comma") or self._take("separator"):
            conditions.append(self._item())
        first = conditions[0]
        equation = isinstance(first, Relation) and first.operators == ("=",)
        if equation and children(first)[0] == variable:
            return children(first)[1]  # {x | x = 2k, k in Z}
        domain = isinstance(first, Relation) and first.operators == ("in",)
        if domain and isinstance(variable, Apply) and symbols(variable):
            return variable  # {2k | k in Z}
        condition = first if len(conditions) == 1 else Listing(tuple(conditions))
        return Apply("such that", (variable, condition))

    def _argument(self) -> Node:
        """The argument of \\frac: a group, or one token."""
        return self._atom()

    def _command(self, name: str) -> Node:
        self._deeper()
        first, second = self._argument(), self._argument()
        self.depth -= 1
        return Apply({"frac": "divide", "binom": "binomial"}[name], (first, second))

    def _function(self, name: str) -> Node:
        self._deeper()
        index = power = None
        if name == "sqrt" and self._is("open", "["):
            self._next()
            index = self._bracket("[")
        while True:
            if self._is("operator", "_"):
                self._next()
                index = self._atom()
            elif self._is("operator", "^"):
                self._next()
                power = self._power()
            else:
                break
        node = self._applied(name, index)
        self.depth -= 1
        if power is None:
            return node
        if integer(power) == -1 and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            assert isinstance(node, Apply)
            return Apply("arc" + name, node.args)
        return Apply("power", (node, power))

    def _applied(self, name: str, index: Node | None) -> Node:
        arguments: tuple[Node, ...]
        if name in EXTREMES and self._is("relation"):
            return Symbol(name)
        brackets = ("(", "{", "[", r"\{") if name in EXTREMES else ("(", "{", "[")
        if self._is("open", *brackets) or name in ("sqrt", "cbrt"):
            inner = self._atom()
            arguments = inner.items if isinstance(inner, Bracket) else (inner,)
        else:
            arguments = (self._bare_argument(),)
        _check_arguments(name, arguments)
        if name == "sqrt":
            return Apply("root", (*arguments, index or Number(Fraction(2))))
        if name == "cbrt":
            return Apply("root", (*arguments, Number(Fraction(3))))
        if name in ("log", "lg", "log10", "log2"):
            base = {"lg": 10, "log10": 10, "log2": 2}.get(name)
            base_node = index or (Number(Fraction(base)) if base else None)
            if base_node is None:  # log(x, b) names its base in the second place
                return Apply("ln" if len(arguments) == 1 else "log", arguments)
            if len(arguments) > 1:
                raise Unreadable("logarithm with two bases")
            return Apply("log", (arguments[0], base_node))
        if index is not None:
            return Apply("call", (Symbol(name), *arguments, index))
        return Apply({"binom": "binomial"}.get(name, name), tuple(arguments))

    def _bare_argument(self) -> Node:
        """The argument of \\sin without brackets: factors up to a sign, a function or a bracket."""
        if self._take("operator", "-"):
            return Apply("negate", (self._bare_argument(),))
        left = self._factor()
        for _ in range(MAX_FACTORS):
            if not self._continues_argument():
                break
            left = Apply("multiply", (left, self._factor()))
        if (
            self._is("operator", "/")
            and self._peek(1).kind == "number"
            and not isinstance(left, Number)
        ):
            self._next()
            left = Apply("divide", (left, self._factor()))
        return left

    def _continues_argument(self) -> bool:
        if self._is("number"):
            return self.tokens[self.at - 1].kind != "number"
        kinds = ("name", "constant", "command", "accent")
        return self._peek().kind in kinds or self._is("function", "sqrt")

    def _environment(self, name: str) -> Node:
        self._deeper()
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while not self._take("end"):
            if self._peek() is END:
                raise Unreadable("unclosed environment")
            if self._take("row"):
                rows.append(tuple(row))
                row = []
            elif not (self._take("column") or self._take("comma") or self._take("separator")):
                row.append(self._item())
                if self._is("words"):
                    self._next()
        rows.append(tuple(row))
        self.depth -= 1
        filled = tuple(row for row in rows if row)
        if name in STACKS:
            return Listing(tuple(cell for row in filled for cell in row))
        if name not in MATRICES:
            raise Unreadable(f"environment {name!r}")
        return Apply("det", (Matrix(filled),)) if name in ("vmatrix",) else Matrix(filled)


def _check_arguments(name: str, arguments: tuple[Node, ...]) -> None:
    """Refuses a function with more or fewer arguments than it has."""
    least, most = ARGUMENTS.get(name, (1, 1))
    if not least <= len(arguments) <= most:
        raise Unreadable(f"{name} of {len(arguments)} arguments")
