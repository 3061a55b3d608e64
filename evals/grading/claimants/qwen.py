"""Qwen2.5-Math: lenient extraction, normal form, equality within a relative tolerance of 1e-4,
percent for fraction; grades claims made with it (Qwen, SimpleRL, ThinkPrune, TTRL, OREAL's basis).

Source: QwenLM/Qwen2.5-Math evaluation/parser.py (extract_answer) and grader.py (math_equal), as
hkust-nlp/simpleRL-reason@2702a87 trains with them.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from evals.grading import Verdict
from evals.grading.claimants import judged
from evals.grading.claimants.qwen_sympy import equal_for_sympy
from evals.grading.claimants.qwen_text import normal_form

RELATIVE_TOLERANCE = 1e-4
CHOICES = ("A", "B", "C", "D", "E")
LAST_NUMBER = re.compile(r"-?\d*\.?\d+")
LIST = re.compile(r"(\(|\[).+(\)|\])")
MATRIX_BEGIN = ("\\begin{pmatrix}", "\\begin{bmatrix}")
MATRIX_END = ("\\end{pmatrix}", "\\end{bmatrix}")


def grade(truth: Mapping[str, Any], response: str) -> Verdict:
    """Right when the extracted answer equals the gold; both in their normal form."""
    return judged(truth, extracted(response) or None, _equal_to_gold, "qwen")


def grade_raw_gold(truth: Mapping[str, Any], response: str) -> Verdict:
    """As `grade`, with the gold as it stands: only the answer gets a normal form."""
    return judged(truth, extracted(response), equal, "qwen")


def grade_stated(truth: Mapping[str, Any], response: str) -> Verdict:
    """As `grade`, of answers that the response states: the last number is none."""
    return judged(truth, extracted(response, last_number=False) or None, _equal_to_gold, "qwen")


def _equal_to_gold(given: str, gold: str) -> bool:
    return equal(given, normal_form(gold))


def extracted(response: str, *, last_number: bool = True) -> str:
    """The normal form of what the response answers; empty when it answers nothing.

    Args:
        last_number: Take the last number of a response that states no answer.
    """
    answer = re.sub(r"\n\s*", "", answer_text(response, last_number=last_number))
    for position, mark in ((0, ":"), (-1, "."), (-1, "/")):
        if answer and answer[position] == mark:
            answer = answer[1:] if position == 0 else answer[:-1]
    return normal_form(answer)


def answer_text(response: str, *, last_number: bool = True) -> str:
    """The Minerva sentence, else the last box, else what follows an answer phrase, else the last
    number if that counts."""
    if "final answer is $" in response and "$. I hope" in response:
        return response.partition("final answer is $")[2].partition("$. I hope")[0].strip()
    if "boxed" in response:
        return box_text(response.rpartition("boxed")[2])
    for phrase in ("he answer is", "final answer is"):
        if phrase in response:
            return response.rpartition(phrase)[2].strip()
    if "答案是" in response:
        return response.split("答案是")[1].strip().partition("\n\n")[0].strip()
    numbers = LAST_NUMBER.findall(response.replace(",", "")) if last_number else []
    return numbers[-1] if numbers else ""


def box_text(tail: str) -> str:
    """What stands in the braces behind 'boxed', closed or not; without braces, up to a dollar."""
    if not tail.startswith("{"):
        return tail.partition("$")[0].strip()
    depth = 0
    for brace in re.finditer("[{}]", tail):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return tail[1 : brace.start()]
    return tail[1:]


def equal(given: str, gold: str) -> bool:
    """Whether two answers in normal form are equal, element by element where they have some."""
    if given.strip().lower() == gold.strip().lower():
        return True
    if gold in CHOICES and choice(given) == gold:
        return True
    given_value, gold_value = number(given), number(gold)
    if given_value is not None and gold_value is not None:
        return numbers_close(given_value, gold_value)
    if not given:
        return False
    given, gold = given.strip(), gold.strip()
    if "pmatrix" in given and "pmatrix" not in gold:
        gold = braces_as_matrices(gold)
    if same_without_brackets(given, gold):
        return True
    return structures_equal(given, gold)


def structures_equal(given: str, gold: str) -> bool:
    """By the parts of lists, matrices and equations where there are some, else by sympy."""
    lists = LIST.match(given) and LIST.match(gold)
    if lists and all_equal(given[1:-1].split(","), gold[1:-1].split(",")):
        return True
    if is_matrix(given) and is_matrix(gold) and matrices_equal(given, gold):
        return True
    return equations_equal(given, gold) or equal_for_sympy(given, gold)


def equations_equal(given: str, gold: str) -> bool:
    """Two equations, or an assignment and a value."""
    if given.count("=") == 1 and gold.count("=") == 1:
        left, right = as_difference(given), as_difference(gold)
        return equal_for_sympy(left, right) or equal_for_sympy(f"-({left})", right)
    if is_assignment(given) and "=" not in gold:
        return equal(given.split("=")[1], gold)
    if is_assignment(gold) and "=" not in given:
        return equal(given, gold.split("=")[1])
    return False


def all_equal(given: list[str], gold: list[str]) -> bool:
    """Same length, and equal one by one."""
    return len(given) == len(gold) and all(map(equal, given, gold))


def matrices_equal(given: str, gold: str) -> bool:
    """Same shape, and equal entry by entry."""
    rows = matrix_rows(given), matrix_rows(gold)
    return len(rows[0]) == len(rows[1]) and all(
        all_equal(given_row.split("&"), gold_row.split("&"))
        for given_row, gold_row in zip(*rows, strict=True)
    )


def is_matrix(text: str) -> bool:
    """A matrix and nothing else."""
    return text.startswith(MATRIX_BEGIN) and text.endswith(MATRIX_END)


def matrix_rows(text: str) -> list[str]:
    """The rows of a matrix, empty ones left out."""
    inside = text[len(MATRIX_BEGIN[0]) : -len(MATRIX_END[0])]
    return [row.strip() for row in inside.split("\\\\") if row.strip()]


def braces_as_matrices(text: str) -> str:
    r"""'{1,2}' as a matrix of one column."""
    found = [match.strip("{}") for match in re.findall(r"\{.*,.*\}", text.strip())]
    columns = [match.replace(",", "\\") for match in found]
    return ", ".join(f"\\begin{{pmatrix}}{column}\\end{{pmatrix}}" for column in columns)


def as_difference(equation: str) -> str:
    """'a = b' as 'a - (b)'."""
    left, right = equation.split("=")
    return f"{left.strip()} - ({right.strip()})"


def is_assignment(text: str) -> bool:
    """'x = ...', a name of at most two characters."""
    return text.count("=") == 1 and len(text.split("=")[0].strip()) <= 2


def same_without_brackets(given: str, gold: str) -> bool:
    """Same text but for case and brackets; round ones are not taken for square ones."""
    square = enclosed(given, "[]") and not gold.startswith("(")
    if square or (enclosed(given, "()") and not gold.startswith("[")):
        given, gold = given.strip("[]()"), gold.strip("[]()")
    return re.sub("[{}()]", "", given).lower() == re.sub("[{}()]", "", gold).lower()


def enclosed(text: str, brackets: str) -> bool:
    """Begins with the first bracket and ends with the second."""
    return text.startswith(brackets[0]) and text.endswith(brackets[1])


def choice(text: str) -> str:
    """The last of the letters A to E that stands alone, else the text."""
    text = text.strip("\n").rstrip(".").rstrip("/").strip(" ").lstrip(":")
    letters = re.findall(r"\b(A|B|C|D|E)\b", text.upper())
    return (letters[-1] if letters else text.strip().strip(".")).rstrip(".").rstrip("/")


def numbers_close(given: float, gold: float) -> bool:
    """Within the tolerance, or when one is the other in percent."""
    scaled = (gold / 100, gold, gold * 100)
    return any(math.isclose(given, value, rel_tol=RELATIVE_TOLERANCE) for value in scaled)


def number(text: str) -> float | None:
    """The value of a number, commas aside, or of a percentage."""
    text = text.replace(",", "")
    try:
        return float(text)
    except ValueError:
        pass
    if not text.endswith("%"):
        return None
    try:
        return float(text[:-1].removesuffix("\\")) / 100
    except ValueError:
        return None
