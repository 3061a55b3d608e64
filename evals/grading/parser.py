"""Parses an answer's tokens into a tree by recursive descent; read by compare.py."""

from dataclasses import dataclass, field

from evals.grading.cursor import END, MAX_DEPTH, MAX_FACTORS, integer, is_integer
from evals.grading.postfix import Postfix
from evals.grading.tokens import Token, tokenize
from evals.grading.tree import (
    Apply,
    LimitReached,
    Listing,
    Node,
    Number,
    Relation,
    Symbol,
    Unreadable,
    Words,
    symbols,
)
from evals.grading.units import conversion

NEGATIONS = "not no except least most more less than over under between unless never"
MAX_DEPENDENT = 8
"""Items at the start of a list that later ones may restrict."""
RESTRICTING = frozenset({"in", ">", "<", ">=", "<=", "!="})
STARTS = {"name", "function", "constant", "command", "accent", "begin"}


NEGATING = set(NEGATIONS.split())
DOMAINS = frozenset(
    Symbol(name) for name in (*(f"mathbb {letter}" for letter in "ZNQRC"), *"ZNQRC")
)
"""Sets of numbers that a parameter is said to be from: only that, when it stands in an item."""


@dataclass(slots=True)
class Reading:
    """What an answer says, and the parameters that its trailing condition binds."""

    tree: Node
    bound: set[str] = field(default_factory=set)


class Parser(Postfix):
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
            parameter = _restricted(item)
            if parameter is not None and any(
                _depends(earlier, parameter) for earlier in kept[:MAX_DEPENDENT]
            ):
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

    def _remark(self) -> bool:
        """Skips brackets behind an expression that only explain or restrict it: (k in Z)."""
        if not self._is("open", "("):
            return False
        end, depth = self.at, 0
        for end in range(self.at, len(self.tokens)):
            kind = self.tokens[end].kind
            depth += {"open": 1, "close": -1}.get(kind, 0)
            if depth == 0:
                break
        inner = self.tokens[self.at + 1 : end]
        signs = {token.value for token in inner if token.kind == "relation"}
        kinds = {token.kind for token in inner}
        restricts = bool(inner) and (
            inner[0].kind in ("condition", "words")
            or bool(signs & RESTRICTING)
            or (kinds == {"number"} and inner[0].value.isalpha())
        )
        if depth or not restricts:
            return False
        self.bound |= {token.value for token in inner if token.kind == "name"}
        self.at = end + 1
        return True

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
        self._take("relation", "=", "~", "->")  # one without a left side
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
                left = self._postfix(Apply("add", (left, self._atom_ratio())))
            elif self._remark():
                continue
            elif self._starts_factor():
                left = Apply("multiply", (left, self._factor()))
            elif self._is("words"):
                left = self._measured(Apply("unit", (left, self._unit())))
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
                text += " /" + self._next().value
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

    def _atom_ratio(self) -> Node:
        top = self._atom()
        if self._take("operator", "/"):
            return Apply("divide", (top, self._atom()))
        return top

    def _measured(self, left: Apply) -> Apply:
        """A measure in two units, as 1 hour (and) 30 minutes, in the second."""
        skipped = 1 if self._is("separator", "and") else 0
        number, unit = self._peek(skipped), self._peek(skipped + 1)
        if number.kind != "number" or number.number is None or unit.kind != "words":
            return left
        before = left.args[1]
        assert isinstance(before, Words)
        factor = conversion(before.text, unit.value)
        if factor is None:
            return left
        self.at += skipped + 1
        converted = Apply("multiply", (left.args[0], Number(factor)))
        return Apply("unit", (Apply("add", (converted, number.number)), self._unit()))

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


def _restricted(item: Node) -> Symbol | None:
    """The letter that k in Z, k >= 0 or t != 1 restricts."""
    if not isinstance(item, Relation) or len(item.operators) != 1:
        return None
    letter, bound = item.parts
    if not isinstance(letter, Symbol) or item.operators[0] not in RESTRICTING:
        return None
    return letter if item.operators != ("in",) or bound in DOMAINS else None


def _depends(item: Node, letter: Symbol) -> bool:
    """Whether an item, behind its label, is written with a letter."""
    if isinstance(item, Relation):
        return item.operators[0] == "=" and any(letter.name in symbols(p) for p in item.parts[1:])
    return item != letter and letter.name in symbols(item)


def parse(text: str) -> Reading:
    """The reading of an answer in plain spelling.

    Raises:
        LimitReached: the answer is larger than what is graded.
        Unreadable: it is not in the notation known here.
    """
    return Parser(tokenize(text)).reading
