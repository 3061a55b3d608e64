"""Values of a program's expressions; the statements build on it."""

import ast
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from harness.rewards.arithmetic import apply
from harness.rewards.program.budget import MAX_DEPTH, Budget, ProgramRefused, limited
from harness.rewards.program.library import Builtin, binary, compare, elements, keyed, member, text
from harness.rewards.program.scope import Function, Scope, bound_names

LAYOUT = re.compile(r",?(\.\d{1,2})?[dfge%]?")
"""Format specifications of f-strings that make no text longer than the number needs."""


class Expressions(ABC):
    """Walks the tree of an expression; Python's own errors come out as they are."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.depth = 0
        self.bound: dict[ast.AST, frozenset[str]] = {}

    @abstractmethod
    def call(self, function: Function, given: list[Any], named: dict[str, Any]) -> Any:
        """What a function of the program returns."""

    def value(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression."""
        self.descend()
        value = EXPRESSIONS[type(node)](self, node, scope)
        self.depth -= 1
        return value

    def descend(self) -> None:
        """One node further in. Nothing climbs back after an error: it ends the program."""
        self.budget.spend()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ProgramRefused(f"nested more than {MAX_DEPTH} deep")

    def values(self, nodes: Iterable[ast.expr], scope: Scope) -> list[Any]:
        """The values of expressions, from left to right."""
        return [self.value(node, scope) for node in nodes]

    def inner(self, node: ast.AST, parts: Iterable[ast.AST], scope: Scope) -> Scope:
        """A scope for what the node binds in its parts, which are searched once."""
        if node not in self.bound:
            self.bound[node] = bound_names(parts)
        return Scope(scope, self.bound[node])

    def constant(self, node: ast.Constant, _: Scope) -> Any:
        if node.value is not None and not isinstance(node.value, str | int | float):
            raise ProgramRefused(f"{type(node.value).__name__} literals are not in the subset")
        return limited(node.value)

    def name(self, node: ast.Name, scope: Scope) -> Any:
        return scope.read(node.id)

    def attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        return member(self.value(node.value, scope), node.attr)

    def binary_operation(self, node: ast.BinOp, scope: Scope) -> Any:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        return binary(self.budget, node.op, left, right)

    def unary_operation(self, node: ast.UnaryOp, scope: Scope) -> Any:
        operand = self.value(node.operand, scope)
        return not operand if isinstance(node.op, ast.Not) else apply(node.op, operand)

    def boolean_operation(self, node: ast.BoolOp, scope: Scope) -> Any:
        decisive = isinstance(node.op, ast.Or)
        value = None
        for part in node.values:
            value = self.value(part, scope)
            if bool(value) is decisive:
                break
        return value

    def comparison(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.value(node.left, scope)
        holds: Any = True
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.value(comparator, scope)
            holds = compare(self.budget, op, left, right)
            if not holds:
                break
            left = right
        return holds

    def choice(self, node: ast.IfExp, scope: Scope) -> Any:
        return self.value(node.body if self.value(node.test, scope) else node.orelse, scope)

    def list_display(self, node: ast.List, scope: Scope) -> list[Any]:
        return self.values(node.elts, scope)

    def tuple_display(self, node: ast.Tuple, scope: Scope) -> tuple[Any, ...]:
        return tuple(self.values(node.elts, scope))

    def dict_display(self, node: ast.Dict, scope: Scope) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise ProgramRefused("** is not in the subset")
            name = keyed(self.value(key, scope))
            found[name] = self.value(value, scope)
        return found

    def subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        held, index = self.value(node.value, scope), self.value(node.slice, scope)
        if isinstance(held, dict):
            return held[keyed(index)]
        if not isinstance(held, str | list | tuple | range):
            raise ProgramRefused(f"an element of a {type(held).__name__} is not in the subset")
        if isinstance(index, slice):
            self.budget.spend(len(held))
        return held[index]

    def slice(self, node: ast.Slice, scope: Scope) -> Any:
        bounds = (node.lower, node.upper, node.step)
        return slice(*(None if bound is None else self.value(bound, scope) for bound in bounds))

    def formatted_text(self, node: ast.JoinedStr, scope: Scope) -> str:
        written = "".join(self.values(node.values, scope))
        self.budget.spend(len(written))
        return written

    def formatted_value(self, node: ast.FormattedValue, scope: Scope) -> str:
        value = self.value(node.value, scope)
        layout = "" if node.format_spec is None else self.value(node.format_spec, scope)
        if node.conversion != -1 or not LAYOUT.fullmatch(layout):
            raise ProgramRefused("this form of an f-string is not in the subset")
        return text(self.budget, value, layout)

    def comprehension(self, node: ast.ListComp, scope: Scope) -> list[Any]:
        return self.gather(node, scope)

    def gather(self, node: ast.ListComp | ast.GeneratorExp, scope: Scope) -> list[Any]:
        """The elements of a comprehension."""
        found: list[Any] = []
        inner = self.inner(node, (part.target for part in node.generators), scope)

        def loop(parts: list[ast.comprehension], outside: Scope) -> None:
            if not parts:
                found.append(self.value(node.elt, inner))
                return
            for item in self.value(parts[0].iter, outside):
                self.descend()
                self.bind(parts[0].target, item, inner)
                if all(self.value(test, inner) for test in parts[0].ifs):
                    loop(parts[1:], inner)
                self.depth -= 1

        loop(node.generators, scope)
        return found

    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Gives a value to a name, to names or to an element."""
        self.descend()
        match target:
            case ast.Name(id=name):
                scope.names[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                parts = elements(self.budget, value)
                for part_target, part in zip(targets, parts, strict=True):
                    self.bind(part_target, part, scope)
            case ast.Subscript(value=held_node, slice=index_node):
                held, index = self.value(held_node, scope), self.value(index_node, scope)
                put(held, index, value)
            case _:
                raise ProgramRefused(f"assigning to a {type(target).__name__} is not in the subset")
        self.depth -= 1

    def invocation(self, node: ast.Call, scope: Scope) -> Any:
        function = self.value(node.func, scope)
        consumes = isinstance(function, Builtin) and function.consumes
        given = [
            self.gather(part, scope)
            if consumes and isinstance(part, ast.GeneratorExp)
            else self.value(part, scope)
            for part in node.args
        ]
        named = {word.arg or "**": self.value(word.value, scope) for word in node.keywords}
        if isinstance(function, Function):
            return self.call(function, given, named)
        if not isinstance(function, Builtin) or named:
            raise ProgramRefused("this call is not in the subset")
        return function.call(self.budget, *given)

    def generator(self, node: ast.GeneratorExp, _: Scope) -> Any:
        raise ProgramRefused("a generator is in the subset only where it is read at once")


def put(held: Any, index: Any, value: Any) -> None:
    """Replaces an element of a list, or sets one of a dict."""
    if isinstance(held, dict):
        held[keyed(index)] = value
    elif isinstance(held, list) and isinstance(index, int):
        held[index] = value
    else:
        raise ProgramRefused("assigning to this element is not in the subset")


EXPRESSIONS: dict[type[ast.AST], Callable[[Expressions, Any, Scope], Any]] = {
    ast.Attribute: Expressions.attribute,
    ast.BinOp: Expressions.binary_operation,
    ast.BoolOp: Expressions.boolean_operation,
    ast.Call: Expressions.invocation,
    ast.Compare: Expressions.comparison,
    ast.Constant: Expressions.constant,
    ast.Dict: Expressions.dict_display,
    ast.FormattedValue: Expressions.formatted_value,
    ast.GeneratorExp: Expressions.generator,
    ast.IfExp: Expressions.choice,
    ast.JoinedStr: Expressions.formatted_text,
    ast.List: Expressions.list_display,
    ast.ListComp: Expressions.comprehension,
    ast.Name: Expressions.name,
    ast.Slice: Expressions.slice,
    ast.Subscript: Expressions.subscript,
    ast.Tuple: Expressions.tuple_display,
    ast.UnaryOp: Expressions.unary_operation,
}
