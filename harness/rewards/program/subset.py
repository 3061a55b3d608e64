"""Refuses, before a program runs, what changes the meaning of the rest or what Python refuses."""

import ast
from collections.abc import Sequence

from harness.rewards.program.budget import ProgramRefused
from harness.rewards.program.expressions import EXPRESSIONS
from harness.rewards.program.statements import STATEMENTS

PARTS = (ast.Module, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
PIECES = (ast.arguments, ast.arg, ast.keyword, ast.alias, ast.comprehension)
SYNTAX = {*EXPRESSIONS, *STATEMENTS, *PIECES}


def check(tree: ast.Module) -> None:
    """Refuses a program that holds other syntax anywhere, reached or not.

    A `yield` or `global` changes a function even where it is never reached, and Python refuses
    a whole program for a `return` outside a function.
    """
    waiting: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
    while waiting:
        node, in_function, in_loop = waiting.pop()
        if type(node) not in SYNTAX and not isinstance(node, PARTS):
            raise ProgramRefused(f"{type(node).__name__} is not in the subset")
        check_place(node, in_function, in_loop)
        if isinstance(node, ast.FunctionDef):
            check_signature(node)
            in_function, in_loop = True, False
        elif isinstance(node, ast.comprehension) and node.is_async:
            raise ProgramRefused("asynchronous loops are not in the subset")
        elif isinstance(node, ast.Call):
            check_unique([word.arg for word in node.keywords])
        looping = {*node.body} if isinstance(node, ast.For | ast.While) else set()
        for child in ast.iter_child_nodes(node):
            waiting.append((child, in_function, in_loop or child in looping))


def check_place(node: ast.AST, in_function: bool, in_loop: bool) -> None:
    """Refuses a statement where Python does not allow it."""
    if (isinstance(node, ast.Return) and not in_function) or (
        isinstance(node, ast.Break | ast.Continue) and not in_loop
    ):
        raise ProgramRefused(f"a {type(node).__name__} stands outside of what it leaves")


def check_signature(node: ast.FunctionDef) -> None:
    """Refuses a function with other than plain parameters."""
    names = [parameter.arg for parameter in node.args.args]
    plain = not (
        node.decorator_list
        or node.args.posonlyargs
        or node.args.kwonlyargs
        or node.args.vararg
        or node.args.kwarg
    )
    if not plain:
        raise ProgramRefused(f"the parameters of {node.name}() are not in the subset")
    check_unique(names)


def check_unique(names: Sequence[str | None]) -> None:
    """Refuses a name that is given twice, for parameters or arguments."""
    if len(names) > len(set(names)):
        raise ProgramRefused("the same name stands for two arguments")
