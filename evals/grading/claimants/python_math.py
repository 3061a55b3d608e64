"""Reads an answer as sympy's parse_expr does, without executing it; read by the claimants.

sympy turns the text into a line of Python and evals it. Here sympy still makes that line, but the
line is parsed and only plain expressions over sympy's functions and constants are built from it.
"""

import ast
import operator
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from harness.rewards.arithmetic import ONE_PARSER

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
NUMBER_MAKERS = ("Integer", "Float", "Rational", "Number")
NAME_MAKERS = ("Symbol", "Function")
"""What sympy's line wraps literals and unknown names in; they alone may be given text, because
sympy's other functions execute it."""
NUMERAL = re.compile(r"[0-9.eE_+-]+")
PLAIN_FUNCTIONS = ("sqrt", "cbrt", "root", "real_root", "Tuple", "Eq", "FiniteSet")


class Unreadable(ValueError):
    """The text is no expression, or asks for more than expressions may do."""


def read(text: str, *, implicit_products: bool = False) -> Any:
    """The sympy expression (or tuple or list of them) that the text stands for.

    Args:
        text: For example '2*x + sqrt(3)'.
        implicit_products: Also read '2x' and 'sin x', and 'xy' as x*y.

    Raises:
        Unreadable: it is not an expression.
    """
    try:
        with ONE_PARSER:
            tree = ast.parse(_line(text, implicit_products), mode="eval").body
        return _value(tree)
    except Unreadable:
        raise
    except Exception as error:  # sympy raises what it likes on a malformed expression
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _line(text: str, implicit_products: bool) -> str:
    """sympy's line of Python for the text; tokens only, nothing is evaluated."""
    from sympy.parsing import sympy_parser

    transformations = sympy_parser.standard_transformations
    if implicit_products:
        transformations += (sympy_parser.implicit_multiplication_application,)
    line: str = sympy_parser.stringify_expr(text, {}, _namespace(), transformations)
    return line.strip()


@cache
def _namespace() -> dict[str, Any]:
    """The names that parse_expr knows."""
    import sympy

    return {name: value for name, value in vars(sympy).items() if name in sympy.__all__}


def _callable(node: ast.expr) -> Callable[..., Any]:
    """A function that an expression may apply: one of sympy's, or one without a meaning."""
    from sympy import Basic
    from sympy.core.function import FunctionClass

    made: Callable[..., Any] | None = None
    if isinstance(node, ast.Name):
        known = _namespace().get(node.id)
        made = known if isinstance(known, FunctionClass) or node.id in PLAIN_FUNCTIONS else None
    elif isinstance(node, ast.Call):
        made = _value(node)
    if made is not None and not isinstance(made, Basic):
        return made
    raise Unreadable(f"{ast.dump(node)} may not be called")


def _constant(name: str) -> Any:
    from sympy import Basic

    value = _namespace().get(name)
    if not isinstance(value, Basic):
        raise Unreadable(f"{name} is no constant")
    return value


def _atom(maker: str, text: str) -> Any:
    """A number or a name that sympy's line makes from text."""
    if maker in NAME_MAKERS or (maker in NUMBER_MAKERS and NUMERAL.fullmatch(text)):
        return _namespace()[maker](text)
    raise Unreadable(f"{maker} may not be given text")


def _value(node: ast.expr) -> Any:
    """What a node of the line stands for."""
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Call(func=ast.Name(id=maker), args=[ast.Constant(value=str() as text)]):
            return _atom(maker, text)
        case ast.Name(id=name):
            return _constant(name)
        case ast.Call(func=ast.Name(id=maker), args=args) if maker in NUMBER_MAKERS:
            return _namespace()[maker](*map(_value, args))
        case ast.Call(func=func, args=args, keywords=[]):
            return _callable(func)(*map(_value, args))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return BINARY[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](_value(operand))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARED:
            return COMPARED[type(op)](_value(left), _value(right))
        case ast.Tuple(elts=items):
            return tuple(map(_value, items))
        case ast.List(elts=items):
            return list(map(_value, items))
    raise Unreadable(f"{type(node).__name__} is not part of an expression")
