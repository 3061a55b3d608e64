"""Hostile responses end within their bound and crash nothing; harmless extremes are right."""

import random
import time
from pathlib import Path

import pytest

from evals.grading import DOUBTS, Item, grade, grade_all, reprise

LIMIT_S = 3.0
"""Generous for a busy machine; the budget of an item is one second of CPU."""

CASES = Path(__file__).with_name("cases.tsv")
BITS = [
    r"\frac",
    r"{",
    r"}",
    r"^",
    r"_",
    r"(",
    r")",
    r"[",
    r"]",
    r"\{",
    r"\}",
    r"|",
    r"\sqrt",
    r"!",
    r"\pm",
    r"\cup",
    r"\in",
    r",",
    r";",
    r"=",
    r"<",
    r"\text{",
    r"and",
    r"e",
    r"9",
    r"1/2",
    r"%",
    r"^\circ",
    r"&",
    r"\\",
    r":",
    r"\sin",
    r"\log_",
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    r"\infty",
    r"...",
    r"\overline",
    r"'",
    r"x",
    r"f(",
    r"\lfloor",
    r"\rceil",
    r"i",
    r"2",
    r"-",
    r"\binom",
    r".5",
    r"\text{for}",
]

NESTED = "(" * 300 + "7" + ")" * 300
MATRIX = (
    r"\begin{pmatrix}"
    + r"\\".join("&".join(str(row * column) for column in range(50)) for row in range(50))
    + r"\end{pmatrix}"
)
DIGITS = "7" * 20_000

RIGHT = {
    "nested parentheses": ("7", rf"\boxed{{{NESTED}}}"),
    "nested braces": ("7", r"\boxed{" + "{" * 300 + "7" + "}" * 301),
    "many digits": (DIGITS, rf"\boxed{{{DIGITS}}}"),
    "matrix": (MATRIX, rf"\boxed{{{MATRIX}}}"),
    "matrix in another spelling": (MATRIX, r"\boxed{" + MATRIX.replace("&", " & ") + "}"),
    "thousands of boxes": ("7", r"\boxed{8}. " * 5000 + r"So \boxed{7}"),
    "long response": ("7", "word " * 200_000 + r"\boxed{7}"),
    "NUL and control characters": ("7", "\x00\x01\x1b[31m\\boxed{\x007\x08}"),
    "zero-width characters": ("12", "\\boxed{1\u200b2}"),
    "fullwidth digits": ("12", "\\boxed{\uff11\uff12}"),
    "arabic digits": ("12", "\\boxed{\u0661\u0662}"),
    "tower against itself": ("10^{10^{10^{10}}}", r"\boxed{10^{10^{10^{10}}}}"),
    "same tower in another spelling": ("10^{10^{10^{10}}}", r"\boxed{10^{ 10^{10^{10} } }}"),
    "unbalanced box": (r"\frac{1}{2}", r"$\boxed{\frac{1}{2}$."),
}
WRONG = {
    "tower of powers": ("7", r"\boxed{9^{9^{9^{9^{9}}}}}"),
    "python tower": ("7", r"\boxed{9**9**9**9**9}"),
    "tower with a variable": ("x", r"\boxed{x^{x^{x^{x^{x^{x^{x}}}}}}}"),
    "tower of e": ("7", r"\boxed{e^{e^{e^{e^{e^{e}}}}}}"),
    "huge factorial": ("7", r"\boxed{10000000!}"),
    "factorials of factorials": ("7", r"\boxed{((((9!)!)!)!)!}"),
    "many factorial signs": ("7", r"\boxed{9" + "!" * 5000 + "}"),
    "huge binomial": ("7", r"\boxed{\binom{10^{9}}{5\cdot10^{8}}}"),
    "huge exponent": ("7", r"\boxed{1e999999999}"),
    "huge gamma": ("7", r"\boxed{(10^{8}+\frac12)!}"),
    "sine of a tower": ("7", r"\boxed{\sin(10^{10^{6}})}"),
    "floor of huge": ("7", r"\boxed{\lfloor e^{10^{7}} \rfloor}"),
    "logarithm chain": ("7", r"\boxed{" + r"\log " * 500 + "5}"),
    "long sum": ("7", r"\boxed{" + "1+" * 30_000 + "1}"),
    "long product": ("7", r"\boxed{" + "x" * 30_000 + "}"),
    "long product of fractions": ("7", r"\boxed{" + r"\frac{1}{3}" * 1500 + "}"),
    "100 k letters": ("7", r"\boxed{" + "a" * 100_000 + "}"),
    "100 k digits": ("7", r"\boxed{" + "1" * 100_000 + "}"),
    "100 k opening braces": ("7", r"\boxed{" + "{" * 100_000),
    "100 k closing braces": ("7", r"\boxed{" + "}" * 100_000),
    "100 k backslashes": ("7", r"\boxed{" + "\\" * 100_000 + "}"),
    "100 k dollars": ("7", "$" * 100_000),
    "100 k bars": ("7", r"\boxed{" + "|" * 19_000 + "}"),
    "boxes never closed": ("7", r"\boxed{" * 20_000),
    "display never closed": ("7", r"\[" * 50_000),
    "answer is, again and again": ("7", "the answer is " * 20_000),
    "nested fractions": ("7", r"\boxed{" + r"\frac{1}{1+" * 2000 + "1" + "}" * 2000 + "}"),
    "nested roots": ("7", r"\boxed{" + r"\sqrt{" * 3000 + "2" + "}" * 3000 + "}"),
    "nested brackets never closed": ("7", r"\boxed{" + "(" * 9000 + "}"),
    "nested sets": ("7", r"\boxed{" + r"\{1," * 2000 + "1" + r"\}" * 2000 + "}"),
    "deep products": ("7", r"\boxed{" + r"fra\sin c{1}" * 40 + "}"),
    "deep products around a vector": ("7", r"\boxed{" + "2(3(" * 35 + "(1,2)" + "))" * 35 + "}"),
    "many signs": ("7", r"\boxed{" + "-" * 10_000 + "7.5}"),
    "many plus-minus": ("7", r"\boxed{" + r"1\pm " * 3000 + "1}"),
    "long list": ("1,2,3", r"\boxed{" + ",".join(rf"\sqrt{{{n}}}" for n in range(2000)) + "}"),
    "many commas": ("7", r"\boxed{" + "," * 19_000 + "}"),
    "unbalanced everything": ("7", r"\boxed{)]}({[\right\left\frac\sqrt^_}"),
    "cyrillic look-alike": ("x", "\\boxed{\u0445}"),
    "surrogate": ("7", "\\boxed{\ud800}"),
    "python": ("7", "\\boxed{__import__('os').system('touch /tmp/executed')}"),
    "division by zero": ("7", r"\boxed{\frac{1}{0}}"),
    "zero to the zero": ("7", r"\boxed{0^{0}}"),
    "logarithm of zero": ("7", r"\boxed{\ln 0}"),
    "empty box": ("7", r"\boxed{}"),
    "blank": ("7", " \n\t"),
    "empty": ("7", ""),
    "infinities": ("7", r"\boxed{\infty-\infty}"),
    "matrix with uneven rows": ("7", r"\boxed{\begin{pmatrix}1&2\\3\end{pmatrix}}"),
    "environment never closed": ("7", r"\boxed{\begin{pmatrix}" * 500),
    "superscripts": ("7", "\\boxed{" + "2" + "\u2079" * 5000 + "}"),
    "repeating decimal": ("7", r"\boxed{0." + "12" * 5000 + "...}"),
    "thousands groups": ("7", r"\boxed{1" + r"\,000" * 4000 + "}"),
    "spaced groups": ("7", r"\boxed{1" + " 000" * 4000 + "}"),
    "comma groups": ("7", r"\boxed{1" + ",000" * 4000 + "}"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_harmless_extremes_are_right(name: str) -> None:
    started = time.perf_counter()
    verdict = grade(*RIGHT[name])
    assert verdict.correct, (verdict.how, verdict.doubt)
    assert time.perf_counter() - started < LIMIT_S


@pytest.mark.parametrize("name", WRONG)
def test_hostile_responses_end(name: str) -> None:
    started = time.perf_counter()
    verdict = grade(*WRONG[name])
    assert not verdict.correct
    assert verdict.doubt is None or verdict.doubt in DOUBTS
    assert time.perf_counter() - started < LIMIT_S


def test_mutated_answers_never_raise() -> None:
    draw = random.Random(5)
    golds = [line.split("\t")[1] for line in CASES.read_text("utf-8").splitlines() if "\t" in line]
    for _ in range(600):
        text = draw.choice(golds)
        for _ in range(draw.randint(1, 5)):
            at = draw.randint(0, len(text))
            text = text[:at] + draw.choice(BITS) + text[at + draw.randint(0, 2) :]
        for gold, answer in ((draw.choice(golds), text), (text, draw.choice(golds))):
            reprise.grade({"answer": gold}, rf"\boxed{{{answer}}}")


def test_the_gold_may_be_hostile_too() -> None:
    cases = [*RIGHT.values(), *WRONG.values()]
    items = [
        Item(truth={"answer": response[:30_000]}, response=r"\boxed{7}") for _, response in cases
    ]
    verdicts = grade_all(items)
    assert len(verdicts) == len(items)
