"""Value of a short Python program that a model wrote, computed without executing it.

Rewards call it. The text is parsed and its tree is walked: nothing is compiled, no object of the
program has an attribute beyond the tables in `library`, and a budget ends every program within
some hundredths of a second. What the subset holds has Python's value; all else has none.
"""

import ast

from harness.rewards.arithmetic import MAX_LENGTH, ONE_PARSER
from harness.rewards.program.budget import MAX_STEPS, Budget, ProgramRefused
from harness.rewards.program.scope import Scope
from harness.rewards.program.statements import Program
from harness.rewards.program.subset import check

__all__ = ["ProgramRefused", "final_value", "parse"]


def final_value(source: str, name: str) -> object:
    """What the variable holds after the program has run.

    The subset: assignments, if, while, for, def, return, assert, `import math`; numbers, text,
    lists, tuples, dicts, comparisons, list comprehensions, f-strings; the functions in `library`.

    Raises:
        ProgramRefused: a part of the program lies outside the subset, it fails where Python would
            fail, it exceeds the budget, or it leaves the variable unset.
    """
    tree = parse(source)
    check(tree)
    scope = Scope()
    try:
        Program(Budget(MAX_STEPS)).run(tree.body, scope)
        return scope.read(name)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ProgramRefused(f"the program has no value: {error}") from error


def parse(source: str) -> ast.Module:
    """The syntax tree of a program.

    Raises:
        ProgramRefused: it is not Python, or longer than an arithmetic expression may be.
    """
    if len(source) > MAX_LENGTH:
        raise ProgramRefused(f"{len(source)} characters; at most {MAX_LENGTH} are allowed")
    try:
        with ONE_PARSER:
            return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ProgramRefused(f"not a program: {error}") from error
