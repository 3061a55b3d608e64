"""One text for answers that are equal at a glance; read by majority votes.

Cheaper and weaker than grading: equal texts mean equal answers, different texts may mean equal
answers too.
"""

import re
from fractions import Fraction
from functools import lru_cache

from evals.grading.normal import key, plain
from evals.grading.reprise import plain_number
from evals.grading.tree import Apply, LimitReached, Node, Relation, Symbol, Unreadable, walk
from evals.grading.words import answer_choice, gold_choice, words

MAX_PARSED = 300
"""Characters of an answer that is parsed; longer ones are compared as text."""
MAX_TEXT = 20_000
MAX_BITS = 1_000
"""Size of a value that is written out."""
_ONE_CHARACTER = re.compile(r"\{(\w)\}")
LITERAL = frozenset({"negate", "divide", "add", "multiply", "power"})


@lru_cache(maxsize=4096)
def canonical(answer: str) -> str:
    """The form in which votes for an answer are counted; the same for the same text, anywhere.

    Rational numbers become integers or reduced fractions (033, 33.0, $33$, x = 33 -> 33; 0.5 and
    \\frac{1}{2} -> 1/2), options their letter, everything else its normalised text.
    """
    value = plain_number(answer)
    if value is not None:
        return str(value)
    if len(answer) > MAX_TEXT:
        return "".join(answer.split())
    text = plain(answer)
    if gold_choice(text) is not None:
        return answer_choice(text) or key(answer)
    if (said := words(text)) is not None:
        return said
    value = _value(text) if len(text) <= MAX_PARSED else None
    return _ONE_CHARACTER.sub(r"\1", key(answer)) if value is None else str(value)


def _value(text: str) -> Fraction | None:
    """The number that an answer is, behind a label; None for anything else."""
    from evals.grading.evaluate import exact
    from evals.grading.parser import parse

    try:
        value = exact(tree) if (tree := _labelled(parse(text).tree)) is not None else None
    except (LimitReached, Unreadable):
        return None
    if (
        value is None
        or max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS
    ):
        return None
    return value


def _labelled(tree: Node) -> Node | None:
    """What stands behind x = ; None for notations that are no arithmetic, as percentages."""
    if (
        isinstance(tree, Relation)
        and tree.operators == ("=",)
        and isinstance(tree.parts[0], Symbol)
    ):
        tree = tree.parts[1]
    plain_heads = all(node.head in LITERAL for node in walk(tree) if isinstance(node, Apply))
    return tree if plain_heads else None
