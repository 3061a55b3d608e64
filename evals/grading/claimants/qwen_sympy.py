"""Equality of two expressions as Qwen2.5-Math's grader asks sympy for it; read by `qwen`.

Source: QwenLM/Qwen2.5-Math evaluation/grader.py (symbolic_equal).
"""

import math
from collections.abc import Callable
from typing import Any

from evals.grading.claimants import latex_math, python_math
from evals.grading.claimants.python_math import Unreadable

RELATIVE_TOLERANCE = 1e-4
MATRIX_DECIMALS = 3


def equal_for_sympy(given: str, gold: str) -> bool:
    """Whether any of the grader's tests takes the two expressions for equal."""
    left, right = reading(given), reading(gold)
    tests = (same, difference_is_zero, same_equation, values_close, matrices_close)
    return any(passes(test, left, right) for test in tests)


def reading(text: str) -> Any:
    """The expression that the text stands for: LaTeX, Python, a matrix; else the text."""
    for reader in (latex_math.read, python_math.read, read_matrices):
        for spelled in (text.replace("\\\\", "\\"), text):
            try:
                return reader(spelled)
            except Unreadable:
                continue
    return text


def read_matrices(text: str) -> Any:
    """An expression with matrices, which sympy's own grammar does not know."""
    from latex2sympy2_extended import latex2sympy

    if "\\begin{" not in text:
        raise Unreadable("no matrix in it")
    try:
        return latex2sympy(text, normalization_config=None)
    except Exception as error:  # antlr and sympy raise what they like on malformed text
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def passes(test: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """A test that cannot be carried out on these two is not passed."""
    try:
        return bool(test(left, right))
    except Exception:  # the two may be text, relations or matrices
        return False


def same(left: Any, right: Any) -> bool:
    return str(left) == str(right) or left == right


def difference_is_zero(left: Any, right: Any) -> bool:
    import sympy

    return bool(left.equals(right)) or sympy.simplify(left - right) == 0


def same_equation(left: Any, right: Any) -> bool:
    return bool(abs(left.lhs - left.rhs).equals(abs(right.lhs - right.rhs)))


def values_close(left: Any, right: Any) -> bool:
    import sympy

    values = float(sympy.N(left)), float(sympy.N(right))
    return math.isclose(values[1], values[0], rel_tol=RELATIVE_TOLERANCE)


def matrices_close(left: Any, right: Any) -> bool:
    if left.shape != right.shape:
        return False
    return bool(rounded(left).equals(rounded(right)))


def rounded(matrix: Any) -> Any:
    return matrix.applyfunc(lambda value: round(value, MATRIX_DECIMALS))
