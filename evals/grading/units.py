"""Units of measurement: which ones are the same, and by what factor; read by quantities.py."""

import re
from fractions import Fraction

from evals.grading.tree import Node, Words

_KINDS: dict[str, dict[str, Fraction | int]] = {
    "length": {
        "mm millimeter millimetre": Fraction(1, 1000),
        "cm centimeter centimetre": Fraction(1, 100),
        "dm decimeter decimetre": Fraction(1, 10),
        "m meter metre": 1,
        "km kilometer kilometre": 1000,
        "in inch inches": Fraction(254, 10000),
        "ft foot feet": Fraction(3048, 10000),
        "yd yard": Fraction(9144, 10000),
        "mi mile": Fraction(1609344, 1000),
    },
    "time": {
        "s sec second": 1,
        "min minute": 60,
        "h hr hour": 3600,
        "day": 86400,
        "week": 604800,
        "year yr": 31557600,
    },
    "mass": {"mg milligram": Fraction(1, 1000), "g gram": 1, "kg kilogram": 1000},
    "volume": {
        "ml milliliter millilitre": Fraction(1, 1000),
        "l liter litre": 1,
    },
    "money": {"cent": Fraction(1, 100), "dollar": 1},
    "temperature c": {"degree_c": 1},
    "temperature f": {"degree_f": 1},
    "angle": {"radian rad": 1},
}
_UNITS = {
    name: (kind, Fraction(factor))
    for kind, units in _KINDS.items()
    for names, factor in units.items()
    for name in names.split()
}
_PART = re.compile(r"(/?)([a-z_]+)(?:\^?(-?\d+))?")
_LETTERS = set("mgshlLNJWVKACF")
"""Single upright letters that are units behind a number."""
_SPELLED = re.compile(r"[A-Za-z]+(?:[\s*/.]+[A-Za-z]+|\s*\^\s*-?\d)*", re.ASCII)


def _dimension(text: str) -> tuple[dict[str, int], Fraction] | None:
    """Powers of the kinds of quantity, and the factor to base units; None for unknown words."""
    text = text.lower().replace("degree ", "degree_")
    text = re.sub(r"\bsquare ([a-z]+)", r"\1^2", text)
    text = re.sub(r"\bcubic ([a-z]+)", r"\1^3", text)
    text = re.sub(r"\s*(?:\bper\b|/)\s*", " /", text).replace("*", " ")
    powers: dict[str, int] = {}
    factor = Fraction(1)
    for part in text.split():
        hit = _PART.fullmatch(part)
        if hit is None:
            return None
        name = hit[2] if hit[2] in _UNITS else hit[2].removesuffix("s")
        if name not in _UNITS:
            return None
        kind, size = _UNITS[name]
        power = int((hit[3] or "1")[:3]) * (-1 if hit[1] else 1)
        powers[kind] = powers.get(kind, 0) + power
        if abs(power) > 9:
            return None
        factor *= size**power
    return powers, factor


def spelled_unit(text: str) -> str | None:
    """The unit that upright letters spell, as `m s^-2` for m\\,s^{-2}; None for other text."""
    if len(text) > 80:
        return None
    text = re.sub(r"\\(?:[,;: ]|cdot)", " ", text.strip()).replace("{", "").replace("}", "")
    if text in _LETTERS:
        return text.lower()
    if not _SPELLED.fullmatch(text):
        return None
    text = re.sub(r"\s*([/^])\s*", r"\1", re.sub(r"[*.]", " ", text.lower())).strip()
    found = _dimension(text)
    return text if found is not None and found[0] else None


def conversion(given: str, wanted: str) -> Fraction | None:
    """How many of the wanted unit one given unit is; None when they are not of one kind."""
    left, right = _dimension(given), _dimension(wanted)
    if left is None or right is None or not left[0] or left[0] != right[0]:
        return None
    return left[1] / right[1]


def same_unit(gold: Node, answer: Node) -> Fraction | None:
    """What the answer's number is multiplied with to be in the gold's unit; None when they clash.

    Words that are no known unit (`ways`, `apples`) say nothing and count as the same.
    """
    if not (isinstance(gold, Words) and isinstance(answer, Words)):
        return Fraction(1)
    left, right = _dimension(gold.text), _dimension(answer.text)
    if left is None or right is None or not left[0] or not right[0]:
        return Fraction(1)
    return right[1] / left[1] if left[0] == right[0] else None
