"""Runs the statements of a program, on top of its expressions; `final_value` calls it."""

import ast
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from harness.rewards.program.budget import ProgramRefused
from harness.rewards.program.expressions import Expressions, put
from harness.rewards.program.library import MATH, Module, binary, elements, keyed
from harness.rewards.program.scope import Function, Scope


class Flow(Enum):
    """Where a program goes on after a statement."""

    NEXT = auto()
    BREAK = auto()
    CONTINUE = auto()
    RETURN = auto()


class Program(Expressions):
    """One run of a program."""

    returned: Any = None
    """What the last return statement gave."""

    def run(self, statements: list[ast.stmt], scope: Scope) -> Flow:
        """Runs a block up to its end or to where it is left."""
        self.descend()
        flow = Flow.NEXT
        for statement in statements:
            self.budget.spend()
            flow = STATEMENTS[type(statement)](self, statement, scope) or Flow.NEXT
            if flow is not Flow.NEXT:
                break
        self.depth -= 1
        return flow

    def call(self, function: Function, given: list[Any], named: dict[str, Any]) -> Any:
        body = function.definition.body
        scope = self.inner(function.definition, body, function.scope)
        scope.names.update(function.arguments(given, named))
        return self.returned if self.run(body, scope) is Flow.RETURN else None

    def define(self, node: ast.FunctionDef, scope: Scope) -> None:
        defaults = tuple(self.values(node.args.defaults, scope))
        annotations = [parameter.annotation for parameter in node.args.args] + [node.returns]
        self.values((annotation for annotation in annotations if annotation), scope)
        scope.names[node.name] = Function(node, defaults, scope)

    def give_back(self, node: ast.Return, scope: Scope) -> Flow:
        self.returned = None if node.value is None else self.value(node.value, scope)
        return Flow.RETURN

    def assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.bind(target, value, scope)

    def assign_annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if not isinstance(node.target, ast.Name):
            raise ProgramRefused("annotating other than a name is not in the subset")
        if node.value is not None:
            self.bind(node.target, self.value(node.value, scope), scope)
        if scope.parent is None:  # inside a function Python does not look at it
            self.value(node.annotation, scope)

    def assign_changed(self, node: ast.AugAssign, scope: Scope) -> None:
        match node.target:
            case ast.Name(id=name):
                if name not in scope.names:
                    raise ProgramRefused(f"{name!r} has no value yet")
                value = self.value(node.value, scope)
                scope.names[name] = self.changed(node.op, scope.names[name], value)
            case ast.Subscript(value=held_node, slice=index_node):
                held, index = self.value(held_node, scope), self.value(index_node, scope)
                if not isinstance(held, list | dict):
                    raise ProgramRefused("changing this element is not in the subset")
                before = held[keyed(index)]
                after = self.changed(node.op, before, self.value(node.value, scope))
                put(held, index, after)
            case _:
                raise ProgramRefused("changing an attribute is not in the subset")

    def changed(self, op: ast.operator, before: Any, value: Any) -> Any:
        """before (operator)= value; a list grows in place, as in Python."""
        if not isinstance(before, list):
            return binary(self.budget, op, before, value)
        if not isinstance(op, ast.Add):
            raise ProgramRefused("multiplying a list in place is not in the subset")
        before += elements(self.budget, value)
        return before

    def branch(self, node: ast.If, scope: Scope) -> Flow:
        return self.run(node.body if self.value(node.test, scope) else node.orelse, scope)

    def repeat_while(self, node: ast.While, scope: Scope) -> Flow:
        while self.value(node.test, scope):
            flow = self.run(node.body, scope)
            if flow in (Flow.BREAK, Flow.RETURN):
                return Flow.NEXT if flow is Flow.BREAK else flow
        return self.run(node.orelse, scope)

    def repeat_for(self, node: ast.For, scope: Scope) -> Flow:
        for item in self.value(node.iter, scope):
            self.bind(node.target, item, scope)
            flow = self.run(node.body, scope)
            if flow in (Flow.BREAK, Flow.RETURN):
                return Flow.NEXT if flow is Flow.BREAK else flow
        return self.run(node.orelse, scope)

    def include(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            if alias.name != "math":
                raise ProgramRefused(f"the module {alias.name} is not in the subset")
            scope.names[alias.asname or alias.name] = Module()

    def include_names(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if node.module != "math" or node.level or alias.name not in MATH:
                raise ProgramRefused(f"{alias.name} of {node.module} is not in the subset")
            scope.names[alias.asname or alias.name] = MATH[alias.name]

    def check_assertion(self, node: ast.Assert, scope: Scope) -> None:
        if not self.value(node.test, scope):
            raise ProgramRefused("an assertion of the program fails")

    def fail(self, node: ast.Raise, scope: Scope) -> None:
        raise ProgramRefused("the program raises an error")

    def express(self, node: ast.Expr, scope: Scope) -> None:
        self.value(node.value, scope)


STATEMENTS: dict[type[ast.AST], Callable[[Program, Any, Scope], Flow | None]] = {
    ast.AnnAssign: Program.assign_annotated,
    ast.Assert: Program.check_assertion,
    ast.Assign: Program.assign,
    ast.AugAssign: Program.assign_changed,
    ast.Break: lambda *_: Flow.BREAK,
    ast.Continue: lambda *_: Flow.CONTINUE,
    ast.Expr: Program.express,
    ast.For: Program.repeat_for,
    ast.FunctionDef: Program.define,
    ast.If: Program.branch,
    ast.Import: Program.include,
    ast.ImportFrom: Program.include_names,
    ast.Pass: lambda *_: Flow.NEXT,
    ast.Raise: Program.fail,
    ast.Return: Program.give_back,
    ast.While: Program.repeat_while,
}
