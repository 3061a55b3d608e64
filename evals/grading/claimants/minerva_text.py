"""The normal form of answers from the Minerva paper (appendix D), in the two versions that claims
were made with; read by the claimants `minerva` (lm-eval) and `dapo` (verl)."""

import re

SUBSTITUTIONS = (
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    ("\\$", ""),
    ("\\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (",\\text{and}", ","),
    ("\\text{and}", ","),
    ("\\text{m}", "\\text{}"),
)

UNIT_WORDS = (
    "square ways integers dollars mph inches ft hours km units \\ldots sue points feet minutes "
    "digits cents degrees cm gm pounds meters meals edges students childrentickets multiples"
)
UNITS = UNIT_WORDS.split()
"""Removed in this order; verl's version does not know the foot."""

MARKS = (
    "\\text{s}",
    "\\text{.}",
    "\\text{\ns}",
    "\\text{}^2",
    "\\text{}^3",
    "\\text{\n}",
    "\\text{}",
    "\\mathrm{th}",
    "^\\circ",
    "^{\\circ}",
    "\\;",
    ",\\!",
    "{,}",
    '"',
    "\\dots",
)

WRAPPERS = (
    (re.compile(r"(.*?)(\$)(.*?)(\$)(.*)"), "$\\3$"),
    (re.compile(r"(\\text\{)(.*?)(\})"), r"\2"),
    (re.compile(r"(\\textbf\{)(.*?)(\})"), r"\2"),
    (re.compile(r"(\\overline\{)(.*?)(\})"), r"\2"),
    (re.compile(r"(\\boxed\{)(.*)(\})"), r"\2"),
)

SHORT_FRACTION = re.compile(r"(frac)([^{])(.)")
SHORT_ROOT = re.compile(r"(sqrt)([^{])")
INDEXED_ROOT = re.compile(r"(sqrt)(\[[^\]]*\])(\w)")
SHORT_PLAIN_ROOT = re.compile(r"(sqrt)(?!\[)([^{])")
COMMAND = re.compile(r"(\\[a-zA-Z]+)")
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")


def normal_form_of_verl(answer: str) -> str:
    """The normal form of verl's math_dapo: units go wherever their letters stand.

    Source: verl/utils/reward_score/math_dapo.py (0.9.1).
    """
    answer = substituted(answer.split("=")[-1])
    for removed in (*(unit for unit in UNITS if unit != "ft"), *MARKS):
        answer = answer.replace(removed, "")
    answer = SHORT_FRACTION.sub(r"frac{\2}{\3}", unwrapped(answer))
    answer = SHORT_ROOT.sub(r"sqrt{\2}", answer).replace("$", "")
    if answer.replace(",", "").isdigit():
        answer = answer.replace(",", "")
    return answer.strip()


def normal_form_of_lm_eval(answer: str) -> str:
    """The normal form of lm-eval's minerva_math: LaTeX commands, roots and pairs survive it.

    Source: lm_eval/tasks/minerva_math/utils.py (0.4.13).
    """
    answer = answer.split("=")[-1]
    for unit in filter(str.isalpha, UNITS):
        answer = re.sub(rf"(?<!\\)\b{unit}\b", "", answer)
    answer = substituted(answer)
    for removed in (*UNITS, *MARKS):
        outside = outside_commands if removed.isalpha() else str.replace
        answer = outside(answer, removed, "")
    answer = SHORT_FRACTION.sub(r"frac{\2}{\3}", unwrapped(answer))
    answer = INDEXED_ROOT.sub(r"\1\2{\3}", answer)
    answer = SHORT_PLAIN_ROOT.sub(r"sqrt{\2}", answer).replace("$", "")
    return answer.replace(",", "") if THOUSANDS.fullmatch(answer) else answer


def substituted(answer: str) -> str:
    """Articles and spaces gone, boxes of text named alike."""
    for before, after in SUBSTITUTIONS:
        answer = answer.replace(before, after)
    return answer


def outside_commands(answer: str, old: str, new: str) -> str:
    r"""str.replace that leaves LaTeX commands alone: 'ft' in \left stays."""
    if old not in answer:
        return answer
    pieces = COMMAND.split(answer)
    pieces[::2] = [piece.replace(old, new) for piece in pieces[::2]]
    return "".join(pieces)


def unwrapped(answer: str) -> str:
    r"""The inside of $...$, \text{...}, \textbf{...}, \overline{...} and \boxed{...}."""
    for wrapper, inside in WRAPPERS[answer.count("$") < 2 :]:  # a search for $ is quadratic
        answer = wrapper.sub(inside, answer)
    return answer
