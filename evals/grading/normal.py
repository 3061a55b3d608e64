"""Brings an answer's text into one plain LaTeX spelling; read before every parse and comparison."""

import re
import unicodedata
from functools import lru_cache

from evals.grading.vocabulary import SUBSCRIPTS, SUPERSCRIPTS, UNICODE

_INVISIBLE = {"Cf", "Cc", "Co", "Cn", "Cs"}

_TABLE = str.maketrans(UNICODE)

_SPACING = re.compile(
    r"\\(?:left|right)\s*\.(?!\d)|\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|"
    r"limits|nolimits|centering|noindent|hfill|tiny|small|normalsize|large|Large|LARGE|huge|Huge|"
    r"underline|pounds|euro|yen)(?![A-Za-z])|"
    r"\\(?:hspace|vspace|phantom|color|textcolor|tag|label)\*?\s*\{[^{}]*\}"
)
_EATEN = (
    (re.compile(r"(?:\t|(?<![A-Za-z\\]))ext(?=\s*\{)"), r"\\text"),
    (re.compile(r"(?:\x0c|\\|(?<![A-Za-z\\]))rac(?=\s*[{\d])"), r"\\frac"),
)
"""Commands that lost their backslash and first letter where \\t and \\f were read as escapes."""
_ALIASES = (
    (re.compile(r"\\[dtcm]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:leqslant|leq|leqq)(?![A-Za-z])"), r"\\le "),
    (re.compile(r"\\(?:geqslant|geq|geqq)(?![A-Za-z])"), r"\\ge "),
    (re.compile(r"\\(?:neq|not\s*=)"), r"\\ne "),
    (re.compile(r"\\(?:[dt]binom)(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\(?:lbrace|brace)(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\(?:lvert|rvert|vert|mid|lVert|rVert|Vert)(?![A-Za-z])"), "|"),
    (re.compile(r"\\(?:lbrack)(?![A-Za-z])"), "["),
    (re.compile(r"\\(?:rbrack)(?![A-Za-z])"), "]"),
    (re.compile(r"\\(?:cdotp|ast)(?![A-Za-z])"), r"\\cdot "),
    (re.compile(r"\\(?:degree|textdegree)(?![A-Za-z])"), r"^{\\circ}"),
    (re.compile(r"\\(?:varnothing)(?![A-Za-z])"), r"\\emptyset "),
    (re.compile(r"\\var(epsilon|phi|theta|rho|sigma|pi)(?![A-Za-z])"), r"\\\1"),
    (re.compile(r"\\(?:dots|cdots|dotsc)(?![A-Za-z])"), r"\\ldots "),
    (re.compile(r"\\mathbb\s*\{\s*R\s*\}\s*[\^_]\s*(?:\+|\{\s*(?:>\s*0|\+)\s*\})"), r"(0,\\infty)"),
    (re.compile(r"\\mathbb\s*\{\s*[ZN]\s*\}\s*[\^_]\s*(?:[+*]|\{\s*[+*]\s*\})"), r"\\mathbb{N}"),
    (re.compile(r"\(\s*(?:\\text\s*\{\s*)?or(?![A-Za-z])\s*\}?([^()]*)\)"), r"\\text{ or }\1"),
    (re.compile(r"\\&"), r"\\text{ and }"),
    (re.compile(r"<sup>(.{1,40}?)</sup>"), r"^{\1}"),
    (re.compile(r"<sub>(.{1,40}?)</sub>"), r"_{\1}"),
)
_MODULUS = re.compile(
    r"\(\s*\\?(?:text\s*\{\s*)?[bp]?mod(?![A-Za-z])\s*\}?\s*([^()]{1,40})\)"
    r"|\\pmod(?![A-Za-z])\s*(\{[^{}]{1,40}\}|\w)|\\text\s*\{\s*mod\s*\}"
)
_OVER = re.compile(r"\{([^{}]{1,200}?)\\over(?![A-Za-z])([^{}]{1,200})\}")
_FOREIGN_INTERVAL = re.compile(
    r"(?:(?<=[\s=])|^)([\[\]])(\s*[^\s\[\],;][^\[\],;]*[,;]\s*[^\s\[\],;][^\[\],;]*)([\[\]])(?=\s*(?:\\cup|$))"
)
_STYLES = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathsf|mathtt|mathcal|boldsymbol|bm|textbf|textit|textrm|textsf|"
    r"mbox|hbox|operatorname\*?|emph|textnormal|texttt|rm|bf)(?![A-Za-z])"
)
_BOXES = re.compile(r"\\(?:boxed|fbox|framebox|displaymath)(?![A-Za-z])")
_ESCAPED_TWICE = re.compile(r"\\\\(?=[A-Za-z{}])")
_THIN = r"(?:(?<!\\)\\[,!;: ]|\\(?:thinspace|space|enspace)(?![A-Za-z])|~|[\u00a0\u2009\u202f])"
_GROUPS = re.compile(rf"(?<![\d.])(\d{{1,3}})((?:{_THIN}+\d{{3}})+)(?!\d)")
_COMMA_GROUPS = re.compile(
    rf"(?<![\d.,])\d{{1,3}}(?:(?:,{_THIN}+\s*|\s*\{{\s*,\s*\}}\s*)\d{{3}})+(?![\d])(?!,\d)"
)
_SCIENTIFIC = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*(?:\^|\*\*))")
_ORDINAL = re.compile(
    r"(?<=\d)\s*(?:\^\s*\{?\s*)?(?:\\text\s*\{\s*)?-?(?:st|nd|rd|th)\s*(?:\}\s*){0,2}(?![A-Za-z])"
)
_NEEDLESS = re.compile(r"(?<![A-Za-z\d])\s+|\s+(?![A-Za-z\d])|(?<=\d)\s+(?=\D)|(?<=\D)\s+(?=\d)")
"""Blanks but those between two letters or two digits."""
_SPACES = re.compile(rf"(?:{_THIN}|\\q?quad(?![A-Za-z])|(?<!\\)\\(?=\s|$)|\s)+")


def printable(text: str) -> str:
    """The text with control, private and unassigned characters as spaces or dropped."""
    if text.isascii() and text.isprintable():
        return text
    kept = []
    for letter in text:
        if letter in "\n\t\r\x0b\x0c\x85\u2028\u2029":
            kept.append(" ")
        elif unicodedata.category(letter) not in _INVISIBLE or letter in "\u2061\u2062":
            kept.append(letter)
    return "".join(kept)


def _scripts(text: str, table: dict[str, str], mark: str) -> str:
    """Runs of superscript or subscript characters as ^{...} or _{...}."""
    out: list[str] = []
    inside = False
    for letter in text:
        plain = table.get(letter)
        if (plain is not None) != inside:
            out.append("}" if inside else mark + "{")
            inside = not inside
        out.append(letter if plain is None else plain)
    return "".join(out) + ("}" if inside else "")


def _vulgar(letter: str) -> str:
    """One half as a fraction: behind a digit it is read as part of a mixed number."""
    top, _, bottom = unicodedata.normalize("NFKC", letter).partition("\u2044")
    return rf"\frac{{{top}}}{{{bottom}}}"


def to_ascii(text: str) -> str:
    """Unicode mathematics as LaTeX; letters that have no such reading stay as they are."""
    if text.isascii():
        return text
    text = _scripts(_scripts(text, SUPERSCRIPTS, "^"), SUBSCRIPTS, "_").translate(_TABLE)
    out = []
    for letter in text:
        if letter.isascii():
            out.append(letter)
        elif "VULGAR" in (name := unicodedata.name(letter, "")):
            out.append(_vulgar(letter))
        elif "FULLWIDTH" in name or "MATHEMATICAL" in name or "MINUS" in name:
            out.append(unicodedata.normalize("NFKC", letter).translate(_TABLE))
        else:
            out.append(str(int(letter)) if letter.isdecimal() else letter)
    return "".join(out)


def _interval(hit: re.Match[str]) -> str:
    """]a,b[ as (a,b): a bracket that turns away from the interval leaves its end out."""
    left, inside, right = hit.groups()
    return f"{'(' if left == ']' else left}{inside}{')' if right == '[' else right}"


def _rewritten(text: str) -> str:
    """Moduli, \\over and outward brackets in their usual spelling."""
    if "mod" in text:
        text = _MODULUS.sub(lambda hit: rf" \mod {hit[1] or hit[2] or ''}", text)
    if r"\over" in text:
        text = _OVER.sub(r"\\frac{\1}{\2}", text)
        if text.count(r"\over") == 1 and "{" not in text.replace(r"\over", ""):
            text = _OVER.sub(r"\\frac{\1}{\2}", f"{{{text}}}")
    return _FOREIGN_INTERVAL.sub(_interval, text) if text[-1:] == "[" or "]" in text else text


def _unquoted(text: str) -> str:
    """The text without the quotes or the emphasis around all of it."""
    for mark in ("**", "*", "'", "`"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            inner = text[len(mark) : -len(mark)]
            return text if mark in inner else inner
    return text


@lru_cache(maxsize=512)
def plain(text: str) -> str:
    """One spelling for what LaTeX and Unicode write in many ways; the meaning stays the same.

    Removes delimiters, spacing, sizes and colours; names commands uniformly; joins digit groups
    that thin spaces or protected commas separate; keeps \\text{...} and environments.
    """
    for pattern, spelling in _EATEN:
        text = pattern.sub(spelling, text)
    text = _unquoted(to_ascii(printable(text)).strip())
    if "\\" in text or "$" in text or "<" in text or "{" in text:
        if r"\begin" not in text:
            text = _ESCAPED_TWICE.sub(lambda _: "\\", text)
        text = _COMMA_GROUPS.sub(lambda hit: re.sub(r"\D", "", hit[0]), text)
        text = _GROUPS.sub(lambda hit: re.sub(r"\D", "", hit[0]), text)
        text = _SPACING.sub(" ", text)
        text = text.replace(r"\$", "").replace("$", " ")
        for pattern, spelling in _ALIASES:
            text = pattern.sub(spelling, text)
        text = _BOXES.sub(" ", _STYLES.sub(r"\\text", text))
        text = re.sub(r"\\[()\[\]](?![A-Za-z])", " ", text) if r"\begin" not in text else text
    text = _rewritten(text)
    text = _SCIENTIFIC.sub(r"\\times ", text)
    text = _ORDINAL.sub("", text)
    text = _SPACES.sub(" ", text).strip()
    return text if text.endswith("...") else text.rstrip(".,;:").rstrip()


@lru_cache(maxsize=512)
def key(text: str) -> str:
    """The plain spelling without any blank, for the comparison as text."""
    text = plain(text).replace(r"\text", "")
    text = re.sub(r"\\(?:frac|sqrt)\s*(?=\d)", lambda hit: hit[0].rstrip() + " ", text)
    return _NEEDLESS.sub("", text)
