"""Equations and labels: what `x =`, `f(x) =`, `|AB| =` say, and which equations are equal."""

from evals.grading.evaluate import Point, Value, close, numeric
from evals.grading.quantities import points
from evals.grading.tree import (
    Apply,
    Bracket,
    Node,
    Number,
    Relation,
    Symbol,
    Words,
    children,
    rebuilt,
    symbols,
    walk,
)

EQUALS = frozenset({"=", "~", "==", "->"})


def is_equation(node: Node) -> bool:
    """Whether a tree is a chain of equalities."""
    return isinstance(node, Relation) and set(node.operators) <= EQUALS


def is_label(node: Node) -> bool:
    """Whether a tree only names what follows: x, f(x), (p,q), |AB|, S_{ABC}, NO/BO, dx/dt."""
    if isinstance(node, Symbol | Words):
        return True
    if isinstance(node, Bracket):
        return all(is_label(item) for item in node.items)
    if not isinstance(node, Apply) or any(isinstance(seen, Number) for seen in walk(node)):
        return False
    if node.head == "call":
        return True
    if node.head in ("abs", "unit", "ratio"):
        return all(is_label(argument) for argument in node.args)
    if node.head in ("multiply", "divide"):
        names = [seen for seen in walk(node) if isinstance(seen, Symbol)]
        upper = all(name.name[0].isupper() for name in names)
        return bool(names) and (upper or _is_probability(node) or _is_derivative(node))
    return False


def _is_probability(node: Apply) -> bool:
    """P(X = 3), E(X): a capital letter before a bracket."""
    head, inner = node.args
    return (
        isinstance(head, Symbol) and head.name[0].isupper() and isinstance(inner, Relation | Symbol)
    )


def _is_derivative(node: Apply) -> bool:
    """dx/dt as the product that it is parsed into."""
    return node.head == "divide" and all(
        isinstance(side, Apply) and side.head == "multiply" and side.args[0] == Symbol("d")
        for side in node.args
    )


def is_quantity_name(node: Node) -> bool:
    """Whether a tree names what is asked for: m + n = 12, a^2 + b^2 = 5, f(2) = 3; not 2x = 4."""
    seen = walk(node)
    if any(isinstance(part, Apply) and part.head == "call" for part in seen):
        return True
    names = symbols(node)
    return len(names) > 1 or (bool(names) and not any(isinstance(part, Number) for part in seen))


def values(relation: Relation) -> list[Node]:
    """What a chain of equalities may stand for, behind its label: the last exact part first."""
    parts = list(relation.parts)
    operators = list(relation.operators)
    if len(parts) > 1 and is_label(parts[0]):
        parts, operators = parts[1:], operators[1:]
    found = [parts[-1]]
    if "~" in operators:
        found.append(parts[operators.index("~")])
    return found


def renamed(node: Node, names: dict[str, str]) -> Node:
    """The tree with variables named otherwise."""
    if isinstance(node, Symbol):
        return Symbol(names.get(node.name, node.name))
    below = children(node)
    return rebuilt(node, tuple(renamed(child, names) for child in below)) if below else node


def parameters(label: Node) -> list[str]:
    """The variables of f(x, y)."""
    if isinstance(label, Apply) and label.head == "call":
        return [argument.name for argument in label.args[1:] if isinstance(argument, Symbol)]
    return []


def difference(relation: Relation) -> Node:
    """Left side minus right side."""
    return Apply("add", (relation.parts[0], Apply("negate", (relation.parts[-1],))))


def same_equation(gold: Relation, answer: Relation) -> bool:
    """Whether two equations have the same solutions: proportional, or equal solved for a variable.

    Raises:
        LimitReached, Unreadable: as quantities.same_quantity.
    """
    left, right = difference(gold), difference(answer)
    names = _variables(left)
    if symbols(left) != symbols(right) or not names:
        return False
    if _proportional(left, right):
        return True
    return any(_same_solution(left, right, name) for name in sorted(names))


def _variables(tree: Node) -> set[str]:
    """Names of the variables, those that only stand for functions apart."""
    called = {
        id(seen.args[0]) for seen in walk(tree) if isinstance(seen, Apply) and seen.head == "call"
    }
    return {seen.name for seen in walk(tree) if isinstance(seen, Symbol) and id(seen) not in called}


def _proportional(left: Node, right: Node) -> bool:
    ratio: Value | None = None
    agreed = 0
    for point in points(left, right):
        try:
            top, bottom = numeric(left, point), numeric(right, point)
        except ZeroDivisionError:
            continue
        if top == 0 or bottom == 0:
            return False
        if ratio is not None and not close(top / bottom, ratio):
            return False
        ratio = top / bottom
        agreed += 1
    return agreed >= 3


def _solution(tree: Node, name: str, point: Point) -> Value | None:
    """The root of a tree that is linear in a variable, at a point; None where it is not."""
    seen = []
    for value in (0, 1, 3):
        point.fixed = {name: value}
        seen.append(numeric(tree, point))
    point.fixed = {}
    slope = seen[1] - seen[0]
    if not close(seen[2] - seen[0], 3 * slope) or close(slope, 0 * slope):
        return None
    return -seen[0] / slope


def _same_solution(left: Node, right: Node, name: str) -> bool:
    agreed = 0
    for point in points(left, right)[:3]:
        try:
            first, second = _solution(left, name, point), _solution(right, name, point)
        except ZeroDivisionError:
            continue
        if first is None or second is None or not close(first, second):
            return False
        agreed += 1
    return agreed >= 2


def solves(equation: Relation, expression: Node) -> bool:
    """Whether an expression is an equation solved for one of its variables: 6/x for xy = 6."""
    tree = difference(equation)
    free = sorted(symbols(tree) - symbols(expression))
    if not symbols(expression):
        return False
    for name in free:
        agreed = 0
        for point in points(tree, expression)[:3]:
            try:
                root = _solution(tree, name, point)
                if root is None or not close(root, numeric(expression, point)):
                    break
            except ZeroDivisionError:
                continue
            agreed += 1
        else:
            if agreed >= 2:
                return True
    return False
