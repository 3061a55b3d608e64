"""Names of a program, the functions it defines and where a name is looked up."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.rewards.program.budget import ProgramRefused
from harness.rewards.program.library import FUNCTIONS


@dataclass(slots=True)
class Scope:
    """The names of the module, of one call of a function, or of one comprehension."""

    parent: "Scope | None" = None
    """Where names that are not its own are found; None for the module."""
    own: frozenset[str] = frozenset()
    """Names bound somewhere inside: they are its own before they have a value, too."""
    names: dict[str, Any] = field(default_factory=dict)

    def read(self, name: str) -> Any:
        """The value of a name."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            if name in scope.own:
                raise ProgramRefused(f"{name!r} has no value yet")
            scope = scope.parent
        if name not in FUNCTIONS:
            raise ProgramRefused(f"nothing is known by the name {name!r}")
        return FUNCTIONS[name]


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function that the program defines."""

    definition: ast.FunctionDef
    defaults: tuple[Any, ...]
    """Values of the last parameters."""
    scope: Scope
    """Where it was defined."""

    def arguments(self, given: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        """The value of each parameter."""
        names = [parameter.arg for parameter in self.definition.args.args]
        values = dict(zip(names[len(names) - len(self.defaults) :], self.defaults, strict=True))
        by_position = dict(zip(names, given, strict=False))
        if len(given) > len(names) or by_position.keys() & named.keys() or named.keys() - {*names}:
            raise ProgramRefused(f"{self.definition.name}() takes other arguments")
        values |= by_position | named
        if len(values) < len(names):
            raise ProgramRefused(f"{self.definition.name}() lacks arguments")
        return values


def bound_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Names that the nodes bind in their own scope; functions and comprehensions have another."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=alias):
                found.add(alias or name)
        if not isinstance(node, ast.FunctionDef | ast.ListComp | ast.GeneratorExp):
            waiting += ast.iter_child_nodes(node)
    return frozenset(found)
