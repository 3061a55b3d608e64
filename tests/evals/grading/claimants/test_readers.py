"""The two readers of expressions: sympy's meaning, without executing anything."""

from pathlib import Path

import pytest
import sympy

from evals.grading.claimants import latex_math, python_math
from evals.grading.claimants.python_math import Unreadable

x, y = sympy.symbols("x y")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2x", 2 * x),
        ("xy+1", x * y + 1),
        ("sin x", sympy.sin(x)),
        ("5!", sympy.Integer(120)),
        ("0.5", sympy.Float("0.5")),
        ("0.[3]", sympy.Rational(1, 3)),
        ("sqrt(2)*pi", sympy.sqrt(2) * sympy.pi),
        ("5 6", sympy.Integer(30)),
        ("(1,x)", (1, x)),
    ],
)
def test_reads_what_parse_expr_reads(text: str, value: object) -> None:
    assert python_math.read(text, implicit_products=True) == value


@pytest.mark.parametrize(
    "call", ["__import__('os').system('touch {}')", "exec(\"import os; os.mkdir('{}')\")"]
)
@pytest.mark.parametrize(
    "inside", ["{}", "sin({!r})", "sqrt({!r})", "Number({!r})", "Eq({!r}, 1)", "S({!r})", "f({!r})"]
)
def test_never_executes(call: str, inside: str, tmp_path: Path) -> None:
    """sympy's functions evaluate the text that they are given."""
    made = tmp_path / "made"
    for implicit in (True, False):
        with pytest.raises(Unreadable):
            python_math.read(inside.format(call.format(made)), implicit_products=implicit)
    assert not made.exists()


@pytest.mark.parametrize(
    "text", ["lambda x: x", "().__class__", "x if x else y", "f'{1}'", "[y for y in x]"]
)
def test_refuses_python_that_is_no_expression(text: str) -> None:
    with pytest.raises(Unreadable):
        python_math.read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\frac12", sympy.Rational(1, 2)),
        (r"2\frac{1}{2}", 1),
        ("1,2", 1),  # the beginning that can be read
        ("1,234.5", sympy.Float("1234.5")),
        ("12 34", 1234),  # spaces do not count
        (r"\log_2 8", 3),
        (r"\sin^{-1} 1", sympy.pi / 2 * 1),
        ("2x^10", 2 * x**10),
        ("x^2^3", x**6),
        (r"\sqrt[3]{27}", 3),
        (r"\left( -3 \right) \cdot 4", -12),
        ("|-3|!", 6),
        (r"3x4", 12),  # an x between numbers multiplies
        (r"x \le y", x <= y),
        (r"\binom{5}{2}", 10),
        (r"10:4", sympy.Rational(5, 2)),
        (r"\lfloor 2.5 \rfloor", 2),
        (r"5 \in [1,2]", 5 * sympy.Symbol("in")),
        (r"f(x,y)", sympy.Function("f")(x, y)),
        (r"f(x", sympy.Symbol("f")),  # the call cannot be read
    ],
)
def test_reads_what_parse_latex_reads(text: str, value: object) -> None:
    read = latex_math.read(text)
    same = read == value or sympy.simplify(getattr(read, "doit", lambda: read)() - value) == 0
    assert same, read


@pytest.mark.parametrize(
    "text", ["", "(1,2)", "5 %", r"\frac{1}{2", "468.", r"\left| x \right|", "odd $n$"]
)
def test_refuses_what_parse_latex_refuses(text: str) -> None:
    with pytest.raises(Unreadable):
        latex_math.read(text)


def test_ambiguous_nesting_ends() -> None:
    """Each f( can be a call or a product: without a bound, reading takes 2^60 steps."""
    with pytest.raises(Unreadable):
        latex_math.read("f(" * 60)


def test_a_thousand_brackets_end() -> None:
    with pytest.raises(Unreadable):
        latex_math.read("(" * 1000 + "1" + ")" * 1000)
