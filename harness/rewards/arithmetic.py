"""Value of an arithmetic expression written by a model, without executing it; rewards call it.

The text is parsed, never executed, and then computed with Python's own operators, so that a value
equals what Python gives for the same text. Everything outside the limits below is refused at once.
"""

import ast
import operator
import threading
from collections.abc import Callable
from typing import Any

Number = int | float | complex

MAX_LENGTH = 10_000
"""Characters of one expression; far above what a response of a few thousand tokens holds."""

MAX_BITS = 2**20
"""Bits of all integer results of one expression together: about 300 000 decimal digits.

It bounds the time to some tenths of a second. 9**9**9 asks for 1.5 billion bits and is refused
before anything is computed; 1**9**9 costs one bit and is computed.
"""

# Two more limits are Python's own and come with ast.parse: 200 nested parentheses, and 4300 digits
# in one literal. The walk keeps its own stack, so a long chain of signs cannot exhaust Python's.

ONE_PARSER = threading.RLock()
"""CPython 3.11 counts the parser's depth for all threads together: a thread that is interrupted by
garbage collection while another parses ends in a SystemError. Rewards run in thread pools."""

OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


class ArithmeticRefused(ValueError):
    """The text is not plain arithmetic, has no value, or is beyond the limits."""


def evaluate(text: str) -> Number:
    """The value of an expression over numbers, + - * / // ** and parentheses."""
    values: list[Number] = []
    todo: list[ast.AST] = [parse(text)]
    bits = 0
    while todo:
        node = todo.pop()
        match node:
            case ast.Constant():
                values.append(constant(node))
            case ast.BinOp(left=left, op=op, right=right):
                todo += [op, right, left]
            case ast.UnaryOp(op=op, operand=operand):
                todo += [op, operand]
            case ast.unaryop():
                values.append(apply(node, values.pop()))
            case ast.operator():
                right_value, left_value = values.pop(), values.pop()
                bits += bits_needed(node, left_value, right_value)
                if bits > MAX_BITS:
                    raise ArithmeticRefused(f"integers of more than {MAX_BITS} bits in all")
                values.append(apply(node, left_value, right_value))
            case _:
                raise ArithmeticRefused(f"{type(node).__name__} is not plain arithmetic")
    return values.pop()


def parse(text: str) -> ast.expr:
    """The syntax tree of an expression."""
    if len(text) > MAX_LENGTH:
        raise ArithmeticRefused(f"{len(text)} characters; at most {MAX_LENGTH} are allowed")
    try:
        with ONE_PARSER:
            return ast.parse(text.lstrip(" \t"), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ArithmeticRefused(f"not an expression: {error}") from error


def constant(node: ast.Constant) -> Number:
    """The number that a literal stands for."""
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise ArithmeticRefused(f"{type(node.value).__name__} literal is not plain arithmetic")
    return node.value


def apply(node: ast.AST, *operands: Number) -> Number:
    """One operation, as Python computes it."""
    operation = OPERATIONS.get(type(node))
    if operation is None:
        raise ArithmeticRefused(f"operator {type(node).__name__} is not allowed")
    try:
        result: Number = operation(*operands)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ArithmeticRefused(f"no value: {error}") from error
    return result


def bits_needed(node: ast.operator, left: Number, right: Number) -> int:
    """An upper bound for the size of an integer result; floats cost nothing."""
    if not (isinstance(left, int) and isinstance(right, int)):
        return 0
    if isinstance(node, ast.Pow):
        grows = abs(left) > 1 and right > 0
        return left.bit_length() * right if grows else 1
    if isinstance(node, ast.Mult):
        return left.bit_length() + right.bit_length()
    return max(left.bit_length(), right.bit_length()) + 1
