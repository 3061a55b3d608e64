"""Parses an answer's tokens into a tree by recursive descent; read by compare.py."""

from dataclasses import dataclass, field

from evals.grading.atoms import Atoms
from evals.grading.cursor import END, MAX_DEPTH, MAX_FACTORS, integer, is_integer
from evals.grading.tokens import Token, tokenize
from evals.grading.tree import (
    Apply,
    Based,
    LimitReached,
    Listing,
    Node,
    Number,
    Relation,
    Symbol,
    Unreadable,
    Words,
)

NEGATIONS = "not no except least most more less than over under about between unless never"
STARTS = {"name", "function", "constant", "command", "accent", "begin"}


NEGATING = set(NEGATIONS.split())
INTEGERS = (Symbol("mathbb Z"), Symbol("mathbb N"))


@dataclass(slots=True)
class Reading:
    """What an answer says, and the parameters that its trailing condition binds."""

    tree: Node
    bound: set[str] = field(default_factory=set)


class Parser(Atoms):
    """One parse; `reading` is the result."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.bound: set[str] = set()
        self.reading = Reading(self._answer(), self.bound)

    def _answer(self) -> Node:
        """Everything: groups that ; or words separate, each a list that commas separate."""
        groups: list[Node] = []
        while self._peek() is not END:
            group = self._list()
            if group is not None:
                groups.append(group)
            if self._is("condition"):
                self._condition()
            elif (
                not (self._take("separator") or self._take("row") or self._take("comma"))
                and self._peek() is not END
            ):
                raise Unreadable(f"unexpected {self._peek().value!r}")
        if not groups:
            raise Unreadable("nothing")
        return groups[0] if len(groups) == 1 else Listing(tuple(groups))

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
        items = self._without_domains(items)
        if not items:
            return None
        return items[0] if len(items) == 1 else Listing(tuple(items))

    def _without_domains(self, items: list[Node]) -> list[Node]:
        """The items but those that say where a parameter of others lies, as k in Z."""
        kept: list[Node] = []
        for item in items:
            if kept and isinstance(item, Relation) and item.operators == ("in",):
                parameter, domain = item.parts
                if isinstance(parameter, Symbol) and domain in INTEGERS:
                    self.bound.add(parameter.name)
                    continue
            kept.append(item)
        return kept

    def _condition(self) -> None:
        """Skips a trailing condition and notes its letters; answers may follow after `, and`."""
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
            follows = self._peek(1)
            introduces = not NEGATING & set(self._peek().value.split())
            if introduces and follows.kind in (*STARTS, "number", "open"):
                self.at += 1

    def _relation(self) -> Node:
        self._deeper()
        self._take("relation", "=", "~")  # what an equals sign without left side is followed by
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
        while not self.in_set and self._is("operator", ":") and self._peek(1) is not END:
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
                text += f"^{integer(power)}"
            elif self._is("words"):
                text += " " + self._next().value
            elif self._is("operator", "/") and self._peek(1).kind == "words":
                self._next()
                text += "/" + self._next().value
            elif (self._is("operator", "*") and self._peek(1).kind == "words") or self._is(
                "operator", "!"
            ):
                self._next()
            else:
                return Words(text)

    def _mixed_follows(self, left: Node) -> bool:
        """Whether a fraction of two integers follows an integer: 1\\frac{4}{5}, 1 1/2."""
        if not (is_integer(left) and self.tokens[self.at - 1].kind == "number"):
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
            return (
                self.bars == 0
                and any(
                    later.kind == "operator" and later.value == "|"
                    for later in self.tokens[self.at + 1 :]
                )
                and self.depth < 3
            )
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


def parse(text: str) -> Reading:
    """The reading of an answer in plain spelling.

    Raises:
        LimitReached: the answer is larger than what is graded.
        Unreadable: it is not in the notation known here.
    """
    return Parser(tokenize(text)).reading
