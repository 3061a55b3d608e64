"""The words and signs of mathematical notation, as tables; read by normal.py and tokens.py."""

# ruff: noqa: RUF001  characters that look alike are what these tables are about

import re
from collections.abc import Iterable
from fractions import Fraction


def _pairs(table: str) -> dict[str, str]:
    """`name=meaning` separated by blanks; a name alone means itself."""
    parts = (entry.partition("=") for entry in table.split())
    return {name: meaning or name for name, _, meaning in parts}


def _commands(table: str) -> dict[str, str]:
    """`characters command` lines: each character is spelled as the command."""
    lines = (line.rpartition(" ") for line in table.strip().splitlines())
    return {letter: rf"\{command} " for letters, _, command in lines for letter in letters.split()}


def _characters(groups: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {letter: spelling for letters, spelling in groups for letter in letters}


_SIGNS = """
× ✕ times
· ⋅ ∙ • cdot
÷ div
± pm
∓ mp
≤ ⩽ le
≥ ⩾ ge
≠ ne
≈ approx
∞ infty
∪ cup
∩ cap
∈ in
∅ emptyset
∖ setminus
⌊ lfloor
⌋ rfloor
⌈ lceil
⌉ rceil
⟨ langle
⟩ rangle
∧ land
∨ lor
→ to
⇒ Rightarrow
∠ angle
△ triangle
∘ circ
… ⋯ ldots
ħ ℏ hbar
ℓ ell
∂ partial
∀ forall
α alpha
β beta
γ gamma
δ delta
ε ϵ epsilon
ζ zeta
η eta
θ ϑ theta
ι iota
κ kappa
λ lambda
μ µ mu
ν nu
ξ xi
π pi
ρ rho
σ ς sigma
τ tau
υ upsilon
φ ϕ phi
χ chi
ψ psi
ω omega
Γ Gamma
Δ Delta
Θ Theta
Λ Lambda
Ξ Xi
Π Pi
Σ Sigma
Φ Phi
Ψ Psi
Ω Omega
"""
UNICODE: dict[str, str] = {
    **_commands(_SIGNS),
    **_characters(
        [
            ("−–—‒‐‑﹣", "-"), ("°º", r"^{\circ}"), ("′’‘", "'"), ("″", "''"), ("“”", '"'),
            ("∣", "|"), ("∶：", ":"), ("⁄∕", "/"),
            ("，、", ","), ("；", ";"), ("。", "."), ("％", "%"),
            ("（", "("), ("）", ")"), ("［", "["), ("］", "]"), ("｛", r"\{"), ("｝", r"\}"),
            ("＝", "="), ("＜", "<"), ("＞", ">"), ("€£¥¢₹₽₩\u2061", ""), ("\u2062", "*"),
            ("√", r"\sqrt"), ("∛", r"\sqrt[3]"), ("∜", r"\sqrt[4]"), ("ℝ", r"\mathbb{R}"),
            ("ℤ", r"\mathbb{Z}"), ("ℕ", r"\mathbb{N}"), ("ℚ", r"\mathbb{Q}"), ("ℂ", r"\mathbb{C}"),
        ]
    ),
}  # fmt: skip
"""Character -> its spelling in LaTeX."""
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", "0123456789+-=()", strict=True))

_FUNCTION_NAMES = """
sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot arcsec arccsc arcsinh
arccosh arctanh log ln exp sqrt cbrt max min gcd lcm floor ceil abs det lg log10 log2 binom choose
asin=arcsin acos=arccos atan=arctan asinh=arcsinh acosh=arccosh atanh=arctanh arsinh=arcsinh
cosec=csc tg=tan ctg=cot arctg=arctan
"""
FUNCTIONS = _pairs(_FUNCTION_NAMES)
CONSTANTS = _pairs("pi infty=infinity infinity inf=infinity oo=infinity")
_RELATION_NAMES = r"""
< > <= >= != ~ \le=<= \ge=>= \lt=< \gt=> \ne=!= \approx=~ \simeq=~ \sim=~ \doteq=~ \cong=~ \in=in
\equiv=== \to=-> \rightarrow=-> \Rightarrow=-> \implies=-> \mapsto=-> \Leftrightarrow=->
\longrightarrow=-> \iff=-> \notin=notin \subset=subset \subseteq=subset
"""
RELATIONS = {
    **{name: name for name in ("<", ">", "<=", ">=", "!=", "~")},
    "=": "=",
    "==": "=",
    **{name: sign for name, sign in _pairs(_RELATION_NAMES).items() if name.startswith("\\")},
}
_OPERATOR_NAMES = r"""
+ - * / ^ _ ! | ' : % \%=% \cdot=* \times=* \div=/ \pm=pm \mp=mp \cup=cup \bigcup=cup \cap=cap
\setminus=minus \backslash=minus \bmod=mod \mod=mod \circ=circ \prime=' \ldots=...
"""
OPERATORS = _pairs(_OPERATOR_NAMES)
_ACCENT_NAMES = """
hat vec bar tilde dot ddot overline widehat overrightarrow widetilde underline mathbb mathscr
mathfrak
"""
ACCENTS = set(_ACCENT_NAMES.split())
_IGNORED_NAMES = """
angle triangle therefore because hfill par item measuredangle textstyle checkmark blacksquare
square Box
"""
IGNORED = set(_IGNORED_NAMES.split())
SEPARATING = {"and", "or", "und", "oder", "&"}
CONDITION = re.compile(
    r"(?:for|where|such that|with|if|when|whenever|as|provided|s\.t\.|because|since|in which)\b"
)
"""How words begin that only restrict the answer before them."""
_SHORT_WORDS = "the are not yes all any odd one two six ten due per for to"
SMALL_WORDS = set(_SHORT_WORDS.split())
"""Words of three letters that are no product; longer runs of letters are words anyway."""
_SHORT_UNITS = """
pct cm mm km kg hz khz mhz ghz ev kev mev min sec hr hrs ft lb lbs oz yd mph kph mol kj cal pa kpa
atm rad deg sq nm psi usd eur gbp rmb cny inr
"""
UNIT_WORDS = set(_SHORT_UNITS.split())
"""Short words that are units behind a number and products of letters elsewhere."""
PERCENT_WORDS = {"percent", "per cent", "pct"}
_COUNTING = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def _number_words() -> dict[str, Fraction]:
    """0 to 99 in words, with and without hyphen, and the commonest of the others."""
    small = _COUNTING.split()
    values = {word: Fraction(value) for value, word in enumerate(small)}
    for value, tens in enumerate(_TENS.split(), start=2):
        values[tens] = Fraction(10 * value)
        for unit, word in enumerate(small[1:10], start=1):
            values[f"{tens}-{word}"] = values[f"{tens} {word}"] = Fraction(10 * value + unit)
    for name, size in (("hundred", 100), ("thousand", 1000), ("million", 10**6)):
        values[f"one {name}"] = values[f"a {name}"] = Fraction(size)
    values |= {"half": Fraction(1, 2), "one half": Fraction(1, 2), "one-half": Fraction(1, 2)}
    for name, parts in (("third", 3), ("fourth", 4), ("quarter", 4), ("fifth", 5), ("sixth", 6)):
        for count, word in enumerate(small[1:parts], start=1):
            plural = name if count == 1 else name + "s"
            values[f"{word} {plural}"] = values[f"{word}-{plural}"] = Fraction(count, parts)
    return values


NUMBER_WORDS = _number_words()
