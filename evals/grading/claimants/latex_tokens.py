r"""Cuts LaTeX into the tokens of sympy's grammar; read by latex_math.

Source: sympy/parsing/latex/LaTeX.g4 (1.14). The longest token wins; spacing and sizing commands
vanish; a 'd' before a letter is one token, the differential.
"""

import re

COMMANDS = {
    "\\thinspace": "",
    "\\medspace": "",
    "\\thickspace": "",
    "\\quad": "",
    "\\qquad": "",
    "\\negthinspace": "",
    "\\negmedspace": "",
    "\\negthickspace": "",
    "\\left": "",
    "\\right": "",
    "\\vrule": "",
    "\\vcenter": "",
    "\\vbox": "",
    "\\vskip": "",
    "\\vspace": "",
    "\\hfil": "",
    "\\times": "*",
    "\\cdot": "*",
    "\\div": "/",
    "\\dfrac": "\\frac",
    "\\tfrac": "\\frac",
    "\\dbinom": "\\binom",
    "\\tbinom": "\\binom",
    "\\le": "<=",
    "\\leq": "<=",
    "\\leqq": "<=",
    "\\leqslant": "<=",
    "\\ge": ">=",
    "\\geq": ">=",
    "\\geqq": ">=",
    "\\geqslant": ">=",
    "\\neq": "!=",
}
"""What a command is read as: nothing, an operator, or its plain form."""

TOKEN = re.compile(
    r"""(?P<skipped>[ \t\r\n]+|\\[,:;!*\-./"(=])
    |(?P<bar>\\(?:left|right)\|)  # opens and closes bra-kets only
    |(?P<differential>d[ \t\r\n]*(?:[a-zA-Z]|\\[a-zA-Z]+))
    |(?P<command>\\[a-zA-Z]+)
    |(?P<equal>(?:&[ \t\r\n]*)?=(?:[ \t\r\n]*&)?)
    |(?P<primes>'+)
    |(?P<one>\\[{}]|[-+*/:.()\[\]{}|_^<>!,a-zA-Z0-9])""",
    re.VERBOSE,
)

BAD = "bad"
"""Stands for a character that the grammar does not know; what follows it is not read."""


def tokens(text: str) -> list[str]:
    """The tokens of the text; the last one is BAD when a character is unknown."""
    found: list[str] = []
    end = 0
    while end < len(text):
        match = TOKEN.match(text, end)
        if match is None:
            return [*found, BAD]
        end = match.end()
        token = _plain(match.lastgroup, match.group())
        if token:
            found.append(token)
    return found


def _plain(kind: str | None, text: str) -> str:
    """The token as the reader knows it; empty for what vanishes."""
    if kind == "skipped":
        return ""
    if kind == "equal":
        return "="
    if kind == "differential":
        return "d" + text[1:].strip(" \t\r\n")
    if kind == "one" and text == ":":
        return "/"
    return COMMANDS.get(text, text)
