"""GSM8K-RLVR's rules, correctness and format; read by the recipe and by conformance.

Upstream's second format lets the model write the body of a Python function and executes it. Model
output is never executed here: `program` computes what its subset of Python holds.
Source: Mohammadjafari80/GSM8K-RLVR@a2e3afd:utils.py
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from harness.errors import DataError
from harness.rewards import Sample, Score
from harness.rewards.gsm8k import TOLERANCE, number_after_hashes, states_final_answer, value
from harness.rewards.program import ProgramRefused, final_value, parse

FORMAT_MARK = 0.5


def correctness(sample: Sample) -> Score:
    """1 when the first number behind #### equals the gold; it is never negative.

    A gold with a thousands comma equals nothing, as upstream: see `unscorable`.
    """
    gold = number(gold_text(sample.ground_truth))
    written = number_after_hashes(sample.response)
    given = None if written is None else value(written)
    right = gold is not None and given is not None and abs(given - gold) < TOLERANCE
    return Score(value=float(right), correct=right, extracted=written)


def format(sample: Sample) -> Score:
    """0.5 when a line says `#### The final answer is` and a number."""
    fits = states_final_answer(sample.response)
    return Score(value=FORMAT_MARK * fits, correct=fits)


def code_correctness(sample: Sample) -> Score:
    """1 when the response, as the body of a function, gives the gold.

    A program outside the subset of `program` gives nothing, where upstream might run it.
    """
    gold = number(gold_text(sample.ground_truth))
    written = result_of(sample.response)
    given = None if written is None else number(written)
    right = gold is not None and given is not None and abs(given - gold) < TOLERANCE
    return Score(value=float(right), correct=right, extracted=written)


def code_format(sample: Sample) -> Score:
    """0.5 when a line, indented by four spaces, returns something and another line follows."""
    fits = returns_something(sample.response)
    return Score(value=FORMAT_MARK * fits, correct=fits)


def returns_something(text: str) -> bool:
    """Does a return statement with a value stand on a line of its own, with a line end behind?

    White space between `return` and its value may span lines.
    """
    return re.search(r"\n    return\s\n*[^\n]+\n", text) is not None


def result_of(response: str) -> str | None:
    """What the body returns, or where it never returns what it assigned last, as text."""
    head = f"def solution():\n{body_of(response)}"
    try:
        name = last_assigned(parse(head))
        if name is None:
            return None
        tail = f"\n    return {name}\n" if name else "\n"
        result = final_value(f"import math\n{head}{tail}result = solution()", "result")
    except ProgramRefused:
        return None
    return str(result) if isinstance(result, int | float | str) else None


def body_of(response: str) -> str:
    """The lines up to one that is indented less than the first, without those that print or read.

    Blank lines end nothing. A first line without indent takes all that follows into the program.
    """
    lines = response.splitlines()
    indents = [len(line) - len(line.lstrip()) for line in lines]
    shallow = (at for at, line in enumerate(lines) if line.strip() and indents[at] < indents[0])
    body = lines[: next(shallow, len(lines))]
    return "\n".join(line for line in body if "print(" not in line and "input(" not in line)


def last_assigned(tree: ast.Module) -> str | None:
    """The variable that the body assigns last; empty if it returns, None if it does neither.

    Functions inside it count as part of it, and only plain assignments to one name count.
    """
    nodes = list(ast.walk(tree.body[0]))
    if any(isinstance(node, ast.Return) for node in nodes):
        return ""
    assigned = [
        (node.lineno, node.col_offset, target.id)
        for node in nodes
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(target := node.targets[0], ast.Name)
    ]
    return max(assigned)[2] if assigned else None


def unscorable(ground_truth: Any) -> str | None:
    """Why no response can be right about a problem; None where one can."""
    text = gold_text(ground_truth)
    if number(text) is None:
        return f"the gold answer {text!r} is not a plain number, and upstream's rule reads no other"
    return None


def gold_text(ground_truth: Any) -> str:
    """The gold as text: what follows the last `#### ` of a value, or of the field `answer`."""
    if isinstance(ground_truth, Mapping):
        if "answer" not in ground_truth:
            raise DataError(
                f"gsm8k: the ground truth {ground_truth!r} has no field 'answer' "
                "(data.ground_truth=[answer])"
            )
        ground_truth = ground_truth["answer"]
    return str(ground_truth).split("#### ")[-1].strip()


def number(text: str) -> float | None:
    """What float() reads in a text; None where it refuses."""
    try:
        return float(text)
    except ValueError:
        return None
