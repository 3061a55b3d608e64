"""Second readings of notation that means different things in different places; for reprise.py.

C_n^k may be a binomial or a power of a constant, [x] a bracket or the integer part, log x to the
base e or 10. The usual reading is tried first; a second one only against a side that does not
write the same notation.
"""

import re
from functools import partial

_SCRIPT = r"(?:\{([^{}]{1,12})\}|(\w))"
_UPRIGHT = r"(?:\\text\s*\{\s*(?:C|P|A)\s*\}|(?<![A-Za-z\\])[CPA])"
_CHOICES = (
    re.compile(rf"(?P<head>{_UPRIGHT})\s*_\s*{_SCRIPT}\s*\^\s*{_SCRIPT}"),
    re.compile(rf"(?P<head>{_UPRIGHT})\s*\^\s*{_SCRIPT}\s*_\s*{_SCRIPT}"),
    re.compile(rf"(?:\{{\s*\}}\s*)?_\s*{_SCRIPT}\s*(?P<head>{_UPRIGHT})\s*_\s*{_SCRIPT}"),
    re.compile(rf"(?P<head>{_UPRIGHT})\(\s*(\w{{1,6}})()\s*,\s*(\w{{1,6}})()\s*\)"),
)
_INTEGER_PART = re.compile(r"(?<![\w}\]{(\\])\[([^\[\],]{1,80})\](?![\w(\[])")
_LOGARITHM = re.compile(r"\\log(?![A-Za-z])(?!\s*_)")
_LETTER_UNIT = re.compile(r"(?<=[\d}])\s*(m|cm|mm|km)\s*\^\s*\{?\s*([23])\s*\}?$")


def _chosen(swapped: bool, hit: re.Match[str]) -> str:
    groups = [group for group in hit.groups() if group and group != hit["head"]]
    if len(groups) != 2:
        return hit[0]
    top, bottom = groups[::-1] if swapped else groups
    if "C" in hit["head"]:
        return rf"\binom{{{top}}}{{{bottom}}}"
    return rf"\frac{{({top})!}}{{({top}-{bottom})!}}"


def _binomials(text: str) -> str:
    for index, pattern in enumerate(_CHOICES):
        text = pattern.sub(partial(_chosen, index == 1), text)
    return text


def _integer_parts(text: str) -> str:
    return _INTEGER_PART.sub(r"\\lfloor \1\\rfloor ", text)


def _common_logarithms(text: str) -> str:
    return _LOGARITHM.sub(r"\\log_{10}", text)


def _upright_units(text: str) -> str:
    return _LETTER_UNIT.sub(lambda hit: rf"\text{{{hit[1]}^{hit[2]}}}", text)


SECOND = (_binomials, _integer_parts, _common_logarithms, _upright_units)


def second_readings(text: str, other: str) -> list[str]:
    """Other spellings of what a text may mean, those that `other` does not rule out."""
    found = []
    for reading in SECOND:
        spelled = reading(text)
        if spelled != text and reading(other) == other:
            found.append(spelled)
    return found
