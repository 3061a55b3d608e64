"""Decides whether an answer's tree says the same as the gold's; read by reprise.py.

Conventions: items side by side and sets are unordered, tuples and intervals are ordered; a name
before an equals sign is a label; a missing unit, degree or percent sign is forgiven, a wrong unit
is not; a missing base is forgiven, a wrong base is not.
"""

from fractions import Fraction

from evals.grading import real_sets, relations
from evals.grading.parser import Reading
from evals.grading.quantities import ratio_of_many, same_numeral, same_quantity, same_ratio
from evals.grading.simplify import (
    distinct,
    elements,
    flat,
    has_sign_pair,
    is_many,
    is_residue,
    rows_of,
    simplified,
    unnamed_point,
    vector_of,
)
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
    children,
    symbols,
)

MAX_ITEMS = 400
MAX_COMPARISONS = 4_000
CONSTANTS_OF_INTEGRATION = {"c", "C", "k", "K"}


def same(gold: Reading, answer: Reading) -> bool:
    """Whether two answers are equal.

    Raises:
        LimitReached: they are too large to tell.
    """
    comparison = Comparison()
    if comparison.equal(gold.tree, answer.tree):
        return True
    names = _renaming(gold, answer)
    return bool(names) and comparison.equal(gold.tree, relations.renamed(answer.tree, names))


def _renaming(gold: Reading, answer: Reading) -> dict[str, str]:
    """Names of the answer for the gold's, where they are free to choose: constants, parameters."""
    value = _behind_label(gold.tree)
    if isinstance(value, Symbol):
        return {}  # a single letter is the answer itself
    own, other = symbols(value), symbols(_behind_label(answer.tree))
    here, there = sorted(own - other), sorted(other - own)
    if not here or len(here) != len(there):
        return {}
    bound = gold.bound | answer.bound
    if len(here) == 1 and ({here[0], there[0]} & bound):
        return {there[0]: here[0]}
    if all(name.split("_")[0] in CONSTANTS_OF_INTEGRATION for name in here + there):
        return dict(zip(there, here, strict=True))
    if len(here) == 1 and _defines_function(gold.tree) and _defines_function(answer.tree):
        return {there[0]: here[0]}
    return {}


def _derived(label: Node) -> str:
    """What makes f' and f^{-1} other functions than f."""
    name = label.args[0] if isinstance(label, Apply) and label.head == "call" else None
    return name.name.removeprefix(name.name.rstrip("'^-1")) if isinstance(name, Symbol) else ""


def _defines_function(node: Node) -> bool:
    """Whether a tree says f(x) = ...: letters besides x are constants that may have any name."""
    return relations.is_equation(node) and bool(relations.parameters(children(node)[0]))


def _behind_label(node: Node) -> Node:
    if isinstance(node, Relation) and relations.is_equation(node):
        return relations.values(node)[0] if relations.is_label(node.parts[0]) else node
    return node


class Comparison:
    """One comparison; counts its steps so that lists cannot make it long."""

    def __init__(self) -> None:
        self.steps = 0

    def equal(self, gold: Node, answer: Node) -> bool:
        """Whether two trees say the same."""
        self.steps += 1
        if self.steps > MAX_COMPARISONS:
            raise LimitReached("comparisons")
        if gold == answer:
            return True
        gold, answer = simplified(gold), simplified(answer)
        gold, answer = unnamed_point(gold, answer), unnamed_point(answer, gold)
        if gold == answer:
            return True
        if isinstance(gold, Words) or isinstance(answer, Words):
            return _same_words(gold, answer)
        if isinstance(gold, Based) or isinstance(answer, Based):
            return same_numeral(gold, answer)
        if relations.is_equation(gold) or relations.is_equation(answer):
            return self._equations(gold, answer)
        if real_sets.is_set_notation(gold) or real_sets.is_set_notation(answer):
            return self._sets(gold, answer)
        if _is_collection(gold) or _is_collection(answer):
            return self._collections(gold, answer) or self._repeated(gold, answer)
        if is_residue(gold) and is_residue(answer) and gold.args[1] != answer.args[1]:
            return False
        if ratio_of_many(gold) or ratio_of_many(answer):
            return same_ratio(gold, answer)
        try:
            return same_quantity(gold, answer)
        except Unreadable:
            return self._alike(gold, answer)

    def _alike(self, gold: Node, answer: Node) -> bool:
        """The same operator on equal arguments, for what has no number."""
        if type(gold) is not type(answer) or isinstance(gold, Number | Symbol):
            return False
        if isinstance(gold, Apply) and isinstance(answer, Apply) and gold.head != answer.head:
            return False
        left, right = children(gold), children(answer)
        return len(left) == len(right) > 0 and all(map(self.equal, left, right))

    # Equations.

    def _equations(self, gold: Node, answer: Node) -> bool:
        if isinstance(gold, Relation) and isinstance(answer, Relation):
            if relations.is_equation(gold) and relations.is_equation(answer):
                return self._two_equations(gold, answer)
            return False
        if isinstance(gold, Relation) and relations.is_equation(gold):
            return self._gold_equation(gold, answer)
        assert isinstance(answer, Relation)
        return self._answer_equation(gold, answer)

    def _gold_equation(self, gold: Relation, answer: Node) -> bool:
        if is_many(answer) and not is_many(gold.parts[-1]) and not has_sign_pair(gold):
            return False
        labelled = relations.is_label(gold.parts[0])
        chain = len(gold.parts) > 2 or "~" in gold.operators or not symbols(gold)
        values = relations.values(gold) if labelled or chain else []
        if any(self.equal(value, answer) for value in values):
            return True
        if len(gold.parts) != 2 or _is_collection(answer):
            return False
        try:
            return relations.solves(gold, answer)
        except Unreadable:
            return False

    def _answer_equation(self, gold: Node, answer: Relation) -> bool:
        first, last = answer.parts[0], answer.parts[-1]
        labelled = relations.is_label(first)
        chain = len(answer.parts) > 2 or "~" in answer.operators or not symbols(answer)
        named = relations.is_quantity_name(first) and not symbols(last) and last != _ZERO
        if not (labelled or chain or named):
            return False
        return any(self.equal(gold, value) for value in relations.values(answer))

    def _two_equations(self, gold: Relation, answer: Relation) -> bool:
        left, right = gold.parts[0], answer.parts[0]
        if relations.is_label(left) and relations.is_label(right):
            return self._labelled(gold, answer)
        if len(gold.parts) > 2 or len(answer.parts) > 2:
            return any(
                self.equal(one, other)
                for one in relations.values(gold)
                for other in relations.values(answer)
            )
        sides = (gold.parts, answer.parts)
        if self._equal_or_unreadable(*(part[0] for part in sides)) and self._equal_or_unreadable(
            *(part[1] for part in sides)
        ):
            return True
        try:
            return relations.same_equation(gold, answer)
        except Unreadable:
            return False

    def _equal_or_unreadable(self, gold: Node, answer: Node) -> bool:
        try:
            return self.equal(gold, answer)
        except Unreadable:
            return False

    def _labelled(self, gold: Relation, answer: Relation) -> bool:
        """Labels that agree, or differ only in names that are free, on equal values."""
        left, right = gold.parts[0], answer.parts[0]
        if gold.parts == answer.parts[::-1]:
            return True
        own, other = relations.parameters(left), relations.parameters(right)
        if _derived(left) != _derived(right):
            return False
        if is_residue(gold.parts[-1]) != is_residue(answer.parts[-1]):
            return False
        if len(own) == len(other) and own:
            named = relations.renamed(answer, dict(zip(other, own, strict=True)))
            assert isinstance(named, Relation)
            answer = named
        elif not _compatible(left, right, gold, answer):
            return self._solved_alike(gold, answer)
        return any(
            self.equal(one, value)
            for one in relations.values(gold)
            for value in relations.values(answer)
        )

    def _solved_alike(self, gold: Relation, answer: Relation) -> bool:
        if len(gold.parts) != 2 or len(answer.parts) != 2:
            return False
        try:
            return relations.same_equation(gold, answer)
        except Unreadable:
            return False

    # Sets of reals.

    def _sets(self, gold: Node, answer: Node) -> bool:
        left, right = real_sets.pieces(gold), real_sets.pieces(answer)
        if left is not None and right is not None:
            return real_sets.same_pieces(left, right, self.equal)
        if isinstance(gold, Relation) and isinstance(answer, Relation):
            return self._inequalities(gold, answer)
        if isinstance(gold, Listing) and isinstance(answer, Listing):
            return self._collections(gold, answer)
        if isinstance(gold, Relation) and gold.operators == ("in",):
            return self.equal(gold.parts[1], answer)
        if isinstance(answer, Relation) and answer.operators == ("in",):
            return self.equal(gold, answer.parts[1])
        return self._alike(gold, answer)

    def _inequalities(self, gold: Relation, answer: Relation) -> bool:
        """The same chain, perhaps written from the other end, or moved to the other side."""
        left, right = _oriented(gold), _oriented(answer)
        if left.operators == right.operators and all(map(self.equal, left.parts, right.parts)):
            return True
        if left.operators != right.operators or len(left.operators) != 1:
            return False
        try:
            return same_quantity(relations.difference(left), relations.difference(right))
        except Unreadable:
            return False

    # Lists, tuples, sets, matrices.

    def _collections(self, gold: Node, answer: Node) -> bool:
        left, right = elements(gold), elements(answer)
        if max(len(left), len(right)) > MAX_ITEMS * 10:
            raise LimitReached("items")
        if isinstance(gold, Matrix) or isinstance(answer, Matrix):
            return self._matrices(gold, answer)
        if isinstance(gold, Bracket) and isinstance(answer, Bracket):
            return self._brackets(gold, answer)
        if len(left) == 1 and len(right) == 1:
            return self.equal(left[0], right[0]) if left[0] != gold or right[0] != answer else False
        for node in (gold, answer):
            if isinstance(node, Bracket) and node.kind != "{}":
                return self._in_order(left, right)
        if isinstance(gold, Listing) != isinstance(answer, Listing) and (
            len(left) == 1 or len(right) == 1
        ):
            return False
        return self._lists(left, right)

    def _repeated(self, gold: Node, answer: Node) -> bool:
        """Whether an answer only writes one value in several ways: 3/4 or 0.75."""
        if not isinstance(answer, Listing) or _is_collection(gold):
            return False
        if len(set(answer.items)) != len(answer.items) or len(answer.items) > 4:
            return False
        return all(self.equal(gold, item) for item in answer.items)

    def _brackets(self, gold: Bracket, answer: Bracket) -> bool:
        if (gold.kind == "{}") != (answer.kind == "{}"):
            return False
        if gold.kind == "{}":
            return self._unordered(distinct(gold.items), distinct(answer.items))
        if len(gold.items) == 2 and gold.kind != answer.kind:
            return False
        return self._in_order(list(gold.items), list(answer.items))

    def _lists(self, left: list[Node], right: list[Node]) -> bool:
        if len(left) != len(right):
            left, right = flat(left), flat(right)
        if len(left) == len(right) and _only_one_is_labelled(left, right):
            return self._in_order(left, right)
        if all(isinstance(item, Bracket) for item in left + right):
            left, right = self._without_repeats(left), self._without_repeats(right)
        return self._unordered(left, right)

    def _without_repeats(self, items: list[Node]) -> list[Node]:
        """Solutions that are tuples, each once."""
        if len(items) > MAX_ITEMS:
            return items
        return list(dict.fromkeys(items))

    def _in_order(self, left: list[Node], right: list[Node]) -> bool:
        return len(left) == len(right) and all(map(self.equal, left, right))

    def _unordered(self, left: list[Node], right: list[Node]) -> bool:
        """Whether the items can be paired; identical ones are paired without a comparison."""
        if len(left) != len(right):
            return False
        rest = list(right)
        unpaired = []
        for item in left:
            if item in rest:
                rest.remove(item)
            else:
                unpaired.append(item)
        for item in unpaired:
            for index, other in enumerate(rest):
                if self.equal(item, other):
                    del rest[index]
                    break
            else:
                return False
        return True

    def _matrices(self, gold: Node, answer: Node) -> bool:
        left, right = rows_of(gold), rows_of(answer)
        if left is None or right is None:
            return False
        if [len(row) for row in left] == [len(row) for row in right]:
            return all(map(self._in_order, left, right))
        vectors = [vector_of(rows) for rows in (left, right)]
        if vectors[0] is None or vectors[1] is None:
            return False
        if isinstance(gold, Matrix) and isinstance(answer, Matrix):
            return False  # a row is not a column
        return self._in_order(vectors[0], vectors[1])


_ZERO = Number(Fraction(0))


def _is_collection(node: Node) -> bool:
    return isinstance(node, Listing | Bracket | Matrix)


def _only_one_is_labelled(left: list[Node], right: list[Node]) -> bool:
    """Whether one list says x = 1, y = 2 with different names and the other only 1, 2."""

    def labels(items: list[Node]) -> set[Node]:
        return {
            item.parts[0]
            for item in items
            if isinstance(item, Relation) and relations.is_equation(item)
        }

    def plain(items: list[Node]) -> bool:
        return not any(isinstance(item, Relation) for item in items)

    return (plain(left) and len(labels(right)) == len(right)) or (
        plain(right) and len(labels(left)) == len(left)
    )


def _oriented(relation: Relation) -> Relation:
    """A chain of inequalities written with < and <=."""
    if relation.operators and relation.operators[0][0] == ">":
        return Relation(
            relation.parts[::-1],
            tuple(real_sets.FLIPPED.get(sign, sign) for sign in relation.operators[::-1]),
        )
    return relation


def _compatible(left: Node, right: Node, gold: Relation, answer: Relation) -> bool:
    """Whether two labels may stand for one thing."""
    if left == right:
        return True
    if not isinstance(left, Symbol) or not isinstance(right, Symbol):
        return True
    tails = symbols(gold.parts[-1]) | symbols(answer.parts[-1])
    return bool(tails) and not {left.name, right.name} & tails


def _same_words(gold: Node, answer: Node) -> bool:
    if isinstance(gold, Words) and isinstance(answer, Words):
        return gold.text == answer.text
    return False
