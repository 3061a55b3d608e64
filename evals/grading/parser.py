"""Parses an answer's tokens into a tree by recursive descent; read by compare.py."""

from dataclasses import dataclass, field
from fractions import Fraction

from evals.grading.tokens import Token, tokenize
from evals.grading.tree import (
    Apply,
    Based,
    Bracket,
    LimitReached,
    Listing,
    Matrix,
    Node,
    Number,
    Relation,
    Symbol,
    Unreadable,
    Words,
)

MAX_DEPTH = 80
MAX_TOKENS = 12_000
MAX_FACTORS = 150
"""Factors of one product, pieces of one union, signs behind one atom: each is a level of the tree."""
END = Token("end", "")
MATRICES = ("pmatrix", "bmatrix", "matrix", "vmatrix", "Bmatrix", "Vmatrix", "smallmatrix", "array")
STACKS = ("cases", "align", "aligned", "gathered", "split", "gather", "equation", "rcases")
CALLED = set("f g h F G H Phi phi psi Psi".split())
"""Letters that name a function wherever brackets follow; others multiply."""
CLOSING = {"(": ")]", "[": ")]", r"\{": r"\}", "{": "}", "langle": "rangle", "lfloor": "rfloor",
           "lceil": "rceil"}  # fmt: skip
STARTS = {"name", "function", "constant", "command", "accent", "begin"}


@dataclass(slots=True)
class Reading:
    """What an answer says, and the parameters that its trailing condition binds."""

    tree: Node
    bound: set[str] = field(default_factory=set)


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


class Parser:
    """One parse; `reading` is the result."""

    def __init__(self, tokens: list[Token]) -> None:
        if len(tokens) > MAX_TOKENS:
            raise LimitReached("tokens")
        self.tokens = _single_brackets(tokens)
        self.at = 0
        self.depth = 0
        self.bars = 0
        self.bound: set[str] = set()
        self.reading = Reading(self._answer(), self.bound)

    # What stands next.

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

    # Lists and relations.

    def _answer(self) -> Node:
        """Everything: groups that ; or words separate, each a list that commas separate."""
        groups: list[Node] = []
        while self._peek() is not END:
            group = self._list()
            if group is not None:
                groups.append(group)
            if self._is("condition"):
                self._condition()
            elif not (
                self._take("separator") or self._take("row") or self._take("comma")
            ) and self._peek() is not END:
                raise Unreadable(f"unexpected {self._peek().value!r}")
        if not groups:
            raise Unreadable("nothing")
        if len(groups) == 1:
            return groups[0]
        if not any(isinstance(group, Listing) for group in groups):
            return Listing(tuple(groups))
        return Listing(tuple(groups))

    def _list(self) -> Node | None:
        items: list[Node] = []
        while True:
            if self._peek() is END or self._is("separator") or self._is("condition"):
                break
            if self._take("comma"):
                continue
            if self._is("row"):
                break
            items.append(self._item())
            if not self._is("comma"):
                break
        if not items:
            return None
        return items[0] if len(items) == 1 else Listing(tuple(items))

    def _condition(self) -> None:
        """Skips a trailing condition and notes its letters; more answers may follow after `, and`."""
        self._next()
        while self._peek() is not END:
            token = self._next()
            if token.kind == "name":
                self.bound.add(token.value)
            if token.kind == "comma" and self._is("separator"):
                return

    def _item(self) -> Node:
        self._label()
        return self._relation()

    def _label(self) -> None:
        """Skips `Paolo:` and `Sequence 1:`."""
        if self._is("words"):
            for ahead in (1, 2):
                token = self._peek(ahead)
                if token.kind == "operator" and token.value == ":":
                    self.at += ahead + 1
                    return

    def _relation(self) -> Node:
        self._deeper()
        parts = [self._sets()]
        operators = []
        while self._is("relation"):
            operators.append(self._next().value)
            parts.append(self._sets())
        self.depth -= 1
        return Relation(tuple(parts), tuple(operators)) if operators else parts[0]

    def _sets(self) -> Node:
        left = self._ratio()
        for _ in range(MAX_FACTORS):
            if not self._is("operator", "cup", "cap", "minus"):
                return left
            head = self._next().value
            left = Apply(head, (left, self._ratio()))
        raise LimitReached("union")

    def _ratio(self) -> Node:
        parts = [self._sum()]
        while self._is("operator", ":") and self._peek(1) is not END:
            self._next()
            parts.append(self._sum())
        return Apply("ratio", tuple(parts)) if len(parts) > 1 else parts[0]

    # Arithmetic.

    def _sum(self) -> Node:
        terms = [self._signed()]
        while self._is("operator", "+", "-", "pm", "mp"):
            sign = self._next().value
            term = self._signed()
            terms.append(term if sign == "+" else Apply({"-": "negate"}.get(sign, sign), (term,)))
        return Apply("add", tuple(terms)) if len(terms) > 1 else terms[0]

    def _signed(self) -> Node:
        signs = []
        while self._is("operator", "+", "-", "pm", "mp"):
            signs.append(self._next().value)
            if len(signs) > MAX_DEPTH:
                raise LimitReached("signs")
        term = self._product()
        for sign in reversed(signs):
            if sign != "+":
                term = Apply({"-": "negate"}.get(sign, sign), (term,))
        return term

    def _product(self) -> Node:
        left = self._factor()
        for _ in range(MAX_FACTORS):
            if self._is("operator", "*", "/", "mod"):
                head = self._next().value
                right = self._signed_factor()
                left = Apply({"*": "multiply", "/": "divide", "mod": "modulo"}[head], (left, right))
            elif self._is("function", "choose"):
                self._next()
                left = Apply("binomial", (left, self._factor()))
            elif self._mixed_follows(left):
                left = Apply("add", (left, self._factor_ratio()))
            elif self._starts_factor():
                left = Apply("multiply", (left, self._factor()))
            elif self._is("words"):
                left = Apply("unit", (left, self._unit()))
            else:
                return left
        raise LimitReached("factors")

    def _signed_factor(self) -> Node:
        if self._take("operator", "-"):
            return Apply("negate", (self._signed_factor(),))
        if self._take("operator", "+"):
            return self._signed_factor()
        return self._factor()

    def _unit(self) -> Node:
        """Words behind a quantity, with what multiplies and raises them."""
        text = self._next().value
        while True:
            if self._is("operator", "^") and self._peek(1).kind in ("number", "open"):
                self._next()
                power = self._power()
                text += f"^{_integer(power)}"
            elif self._is("words"):
                text += " " + self._next().value
            elif self._is("operator", "/") and self._peek(1).kind == "words":
                self._next()
                text += "/" + self._next().value
            elif self._is("operator", "*") and self._peek(1).kind == "words":
                self._next()
            elif self._is("operator", "!"):
                self._next()
            else:
                return Words(text)

    def _mixed_follows(self, left: Node) -> bool:
        """Whether a fraction of two integers follows an integer: 1\\frac{4}{5}, 1 1/2."""
        if not (_is_integer(left) and self.tokens[self.at - 1].kind == "number"):
            return False
        if self._is("command", "frac"):
            kinds = [self._peek(ahead) for ahead in range(1, 7)]
            inner = [token for token in kinds if token.kind not in ("open", "close")][:2]
            return len(inner) == 2 and all(token.kind == "number" for token in inner)
        return (
            self._is("number")
            and self._peek().spaced
            and self._peek(1).value == "/"
            and self._peek(2).kind == "number"
        )

    def _factor_ratio(self) -> Node:
        top = self._factor()
        if self._take("operator", "/"):
            return Apply("divide", (top, self._factor()))
        return top

    def _starts_factor(self) -> bool:
        token = self._peek()
        if token.kind == "number":
            return self.tokens[self.at - 1].kind != "number"
        if token.kind == "operator" and token.value == "|":
            return self.bars == 0 and any(
                later.kind == "operator" and later.value == "|" for later in self.tokens[self.at + 1 :]
            ) and self.depth < 3
        return token.kind in STARTS or (token.kind == "open")

    def _factor(self) -> Node:
        self._deeper()
        base = self._postfix(self._atom())
        self.depth -= 1
        return base

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
        if self._take("operator", "*"):
            return Symbol(base.name + "*") if isinstance(base, Symbol) else base
        if self._is("open", "{") and self._peek(2).value == "}":
            inner = self._peek(1)
            if inner.kind == "operator" and inner.value in ("circ", "'", "*"):
                self.at += 3
                if inner.value == "circ":
                    return self._degrees(base)
                return self._primed(base) if inner.value == "'" else base
        if self._is("open", "{") and all(
            self._peek(ahead).value == "'" for ahead in (1, 2)
        ) and self._peek(3).value == "}":
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

    # Atoms.

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
            return self._subscripted(token.value) if self._is("operator", "_") else Words(token.value)
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
        symbol = self._subscripted(name)
        while self._is("operator", "'"):
            self._next()
            symbol = Symbol(symbol.name + "'")
        if self._is("operator", "^") and self._prime_group():
            symbol = Symbol(symbol.name + "'")
        if self._is("open", "(") and (symbol.name.split("_")[0].rstrip("'") in CALLED or self._call_of_number()):
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

    def _call_of_number(self) -> bool:
        """Whether a bracket holds nothing but a number: I(0) is a value of I, not a product."""
        return self._peek(1).kind == "number" and self._peek(2).value == ")"

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
        self.bars = bars
        self.depth -= 1
        return self._closed(opening, closing, tuple(items), ordered)

    def _closed(self, opening: str, closing: str, items: tuple[Node, ...], listed: bool) -> Node:
        if closing not in (")", "]") and closing != CLOSING[opening] or (
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
        condition = self._item()
        while self._take("comma"):
            condition = Apply("cap", (condition, self._item()))
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
        if _integer(power) == -1 and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
            assert isinstance(node, Apply)
            return Apply("arc" + name, node.args)
        return Apply("power", (node, power))

    def _applied(self, name: str, index: Node | None) -> Node:
        if self._is("open", "(", "{", "[") or name in ("sqrt", "cbrt"):
            inner = self._atom()
            arguments = inner.items if isinstance(inner, Bracket) else (inner,)
        else:
            arguments = (self._bare_argument(),)
        if name == "sqrt":
            return Apply("root", (*arguments, index or Number(Fraction(2))))
        if name == "cbrt":
            return Apply("root", (*arguments, Number(Fraction(3))))
        if name in ("log", "lg", "log10", "log2"):
            base = {"lg": 10, "log10": 10, "log2": 2}.get(name)
            base_node = index or (Number(Fraction(base)) if base else None)
            if len(arguments) == 2 and base_node is None:
                arguments, base_node = arguments[:1], arguments[1]
            return Apply("ln", arguments) if base_node is None else Apply("log", (*arguments, base_node))
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
        if self._is("operator", "/") and self._peek(1).kind == "number" and not isinstance(left, Number):
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


def _is_integer(node: Node) -> bool:
    return isinstance(node, Number) and node.digits is None and node.value.denominator == 1


def _integer(node: Node) -> int | None:
    """The value of an integer literal, its sign included."""
    if isinstance(node, Apply) and node.head == "negate":
        inner = _integer(node.args[0])
        return None if inner is None else -inner
    if isinstance(node, Number) and node.value.denominator == 1:
        return int(node.value)
    return None


def parse(text: str) -> Reading:
    """The reading of an answer in plain spelling.

    Raises:
        LimitReached: the answer is larger than what is graded.
        Unreadable: it is not in the notation known here.
    """
    return Parser(tokenize(text)).reading
