"""The normal form of answers in Qwen2.5-Math's evaluation; read by the claimant `qwen`.

Source: QwenLM/Qwen2.5-Math evaluation/parser.py (strip_string).
"""

import re

from evals.grading.claimants.strict_box import braced_fractions

UNIT_WORDS = (
    "east,degree,mph,kmph,ft,m sqaure, m east,sq m,deg,mile,q .,monkey,prime,ratio,"
    "profit of rs,rd,o,gm,p . m,lb,tile,per,dm,lt,gain,ab,way,west,a .,b .,c .,d .,e .,f .,"
    "g .,h .,t,a,h,no change,men,soldier,pie,bc,excess,st,inches,noon,percent,by,gal,kmh,c,"
    "acre,rise,a . m,th,π r 2,sq,mark,l,toy,coin,sq . m,gallon,° f,profit,minw,yr,women,feet,"
    "am,pm,hr,cu cm,square,v â € ™,are,rupee,rounds,cubic,cc,mtr,s,ohm,number,kmph,day,hour,"
    "minute,min,second,man,woman,sec,cube,mt,sq inch,mp,∏ cm ³,hectare,more,sec,unit,cu . m,"
    "cm 2,rs .,rs,kg,g,month,km,m,cm,mm,apple,liter,loss,yard,pure,year,increase,decrease,d,"
    "less,Surface,litre,pi sq m,s .,metre,meter,inch"
)
UNITS = UNIT_WORDS.split(",")
UNIT_PATTERNS = [
    (unit.partition(" .")[0], re.compile(rf"(^|\W){unit}($|\W)"))
    for unit in (*UNITS, *(unit + "s" for unit in UNITS))
]
"""What must occur for a unit to be there (a point in a unit is any character), and the unit."""

SPELLED_ALIKE = (
    ("\\!", ""),
    ("bmatrix", "pmatrix"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    ("\\neq", "\\ne"),
    ("\\leq", "\\le"),
    ("\\geq", "\\ge"),
    ("\\left", ""),
    ("\\right", ""),
    ("\\{", "{"),
    ("\\}", "}"),
)
MARKS = ("^{\\circ}", "^\\circ", "\\$", "$", "\\(", "\\)")
NAMES = ("x=", "y=", "z=", "x\\in", "y\\in", "z\\in", "x\\to", "y\\to", "z\\to")
PERCENT = ("\\%", "%")

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {
    **{word: value for value, word in enumerate(SMALL.split())},
    **{word: 10 * value for value, word in enumerate(TENS.split(), start=2)},
}
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}


def normal_form(text: str) -> str:
    r"""An answer without units, marks and names, its fractions written \frac{}{}."""
    text = text.strip().replace("\n", "").rstrip(".")
    text = re.sub(r"\\begin\{array\}\{.*?\}", r"\\begin{pmatrix}", text.replace("\\!", ""))
    text = text.replace("\\end{array}", "\\end{pmatrix}")
    text = without_units(replaced(text, SPELLED_ALIKE))
    for mark in MARKS:
        text = text.replace(mark, "")
    text = re.sub(r"\\text\{(.*?)\}", r"\1", number_words_as_digits(text))
    for name in NAMES:
        text = text.replace(name, "")
    text = text.replace("\\emptyset", "{}").replace("(-\\infty,\\infty)", "\\mathbb{R}")
    for mark in PERCENT:
        text = text.replace(mark, "")
    text = spelled_out(text.replace(" .", " 0.").replace("{.", "{0."))
    if text.startswith("."):
        text = "0" + text
    sides = text.split("=")
    if len(sides) == 2 and len(sides[0]) <= 2:
        text = sides[1]
    text = re.sub(r"\\sqrt(\w+)", r"\\sqrt{\1}", text).replace(" ", "")
    return slash_as_fraction(fractions_where_whole(text))


def replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """str.replace for each pair in turn."""
    for before, after in pairs:
        text = text.replace(before, after)
    return text


def without_units(text: str) -> str:
    r"""Neither a final \text{...} nor a unit's word; a text of nothing else keeps its last."""
    bare = re.sub(r"\\text{.*?}$", "", text).strip()
    text = bare or text
    for _ in range(2):
        for needed, pattern in UNIT_PATTERNS:
            if needed in text:
                text = pattern.sub(r"\1\2", text) or text
    return text


def spelled_out(text: str) -> str:
    """Infinity, the imaginary unit and whole decimals in one spelling."""
    text = text.replace("infinity", "\\infty")
    if "\\infty" not in text:
        text = text.replace("inf", "\\infty")
    text = text.replace("+\\inity", "\\infty").replace("and", "").replace("\\mathbf", "")
    text = re.sub(r"\\mbox{.*?}", "", text)
    if "j" in text and "i" not in text:
        text = text.replace("j", "i")
    text = re.sub(r"(\d+)\.0*([^\d])", r"\1\2", text)
    return re.sub(r"(\d+)\.0*$", r"\1", text)


def fractions_where_whole(text: str) -> str:
    r"""Braces for '\frac12'; a text that ends in '\frac' stays as it is."""
    try:
        return braced_fractions(text)
    except ValueError:
        return text


def slash_as_fraction(text: str) -> str:
    r"""'3/4' as '\frac{3}{4}', for integers and for what holds a root."""
    sides = text.split("/")
    if len(sides) != 2:
        return text
    try:
        above, below = (side if "sqrt" in side else int(side) for side in sides)
    except ValueError:
        return text
    return f"\\frac{{{above}}}{{{below}}}" if text == f"{above}/{below}" else text


def number_words_as_digits(text: str) -> str:
    """'forty-two' as '42'; a text with any number word is read as that number alone."""
    words = text.replace("-", " ").lower()
    if words.isdecimal():
        return str(int(words)) if len(words) < 4300 else text
    known = [word for word in words.split() if word in NUMBER_WORDS or word in SCALES]
    return str(spoken_number(known)) if known else text


def spoken_number(words: list[str]) -> int:
    """The value of number words: 'two thousand three hundred five' is 2305."""
    total = group = 0
    for word in words:
        scale = SCALES.get(word)
        if scale is None:
            group += NUMBER_WORDS[word]
        elif scale == 100:
            group = (group or 1) * scale
        else:
            total, group = total + (group or 1) * scale, 0
    return total + group
