"""Finds the final answer in a free response, from the most to the least explicit sign of one.

Order: what follows the last </think>; in it the last box (boxes that only punctuation or `and`
separates are one list), then the last `answer is ...` / `Answer:` / `####`, then the last formula
between dollar signs, then the last number. Everything is linear in the length of the response.
"""

import re
from dataclasses import dataclass

BOX = re.compile(r"\\(?:begin)?(?:boxed|fbox|framebox)(?![A-Za-z])\s*")
MAX_BOXES = 32
MAX_TAIL = 4_000
MAX_CUE_TAIL = 20_000
MAX_CUES = 200
LONGEST = 200_000
"""Characters of an answer that are looked at."""
LONGEST_PHRASE = 8
"""Words of an answer in plain language."""
LONGEST_BARE = 200
"""Characters of a response that is nothing but an answer."""
LONGEST_NAME = 3
"""Words of a response that is nothing but a name."""
THINK_END = "</think>"
_SAYS = r"\W{0,6}?(?:(?:\s+\S+){0,6}?\s+)?(?:is|are|equals|=|:)(?![A-Za-z])[\s:*]*"
_CUES = (
    re.compile(
        rf"####|\"answer\"\s*:|(?:final\s+)?answers?{_SAYS}|\*\*\s*answer\s*\*\*[\s:*]*"
        r"|(?:答案|答え|ответ|antwort|réponse|respuesta|resposta|risposta)\s*[:：]\s*"  # noqa: RUF001
        r"|\banswer\b(?=\s*(?:\$|\\\(|\\\[))\s*",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:correct|right|best)\s+(?:option|choice)s?{_SAYS}|(?:result|solution)s?{_SAYS}",
        re.IGNORECASE,
    ),
)
"""Signs of an answer, those that name it an answer before those that may mean a step."""
_TAGGED = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>", re.DOTALL)
_PROSE = re.compile(r"(?<![A-Za-z\\])[A-Za-z']{2,}\b")
_JOINING = frozenset({"and", "or", "sin", "cos", "tan", "log", "ln", "pi", "sqrt", "inf"})
_NOT_BARE = re.compile(r"[\n$]|\\[(\[]|</?[a-z]|(?![\u0391-\u03c9])[^\W\d_](?<![A-Za-z])")
"""Signs that more than an answer is there: delimiters, tags, letters of other languages."""
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BETWEEN_BOXES = re.compile(
    r"(?:[\s,;.$&~]|(?<![A-Za-z])[A-Za-z](?:_\{?\w\}?)?\s*=|\\[,;!: ]|\\q?quad|\\[()\[\]]"
    r"|\\text\s*\{\s*(?:and|or|,)\s*\}|\band\b|\bor\b)*"
)
_MATHS = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<![\\\d])\$(?!\s*\$)([^$]{1,2000}?)(?<!\\)\$(?!\d)",
    re.DOTALL,
)
_SENTENCE_END = re.compile(
    r"\.\s+(?=[A-Z<])|\.\s*$|\n\s*\n|\n(?=[A-Z#*])|<\||</|\bI hope\b|\bTherefore\b|\bbecause\b"
)
_NUMBER = re.compile(
    r"(?<![A-Za-z\d_])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+|(?<=\d))(?:[eE][+-]?\d{1,6}(?!\d))?"
    r"(?:\s*/\s*\d+)?(?:\s*\\?%|\s*\u03c0|\u221a\d+)?"
)


@dataclass(frozen=True, slots=True)
class Found:
    """An answer and the sign by which it was found: box, cue, formula or number."""

    text: str
    sign: str


def box_end(text: str, start: int) -> int | None:
    """Index of the brace that closes the one at `start`, escaped braces apart; None without one."""
    depth = 0
    for hit in _BRACE.finditer(text, start, start + LONGEST + 2):
        if hit[0] == "{":
            depth += 1
        elif hit[0] == "}":
            depth -= 1
            if depth == 0:
                return hit.start()
    return None


@dataclass(frozen=True, slots=True)
class _Box:
    content: str
    start: int
    end: int


def _box(text: str, hit: re.Match[str]) -> _Box | None:
    """The box that a match opens; a box that is never closed ends with its line."""
    start = hit.end()
    if text[start : start + 1] != "{":
        bare = re.compile(r"[^\s$,;{}]+(?<!\.)").match(text, start)
        return _Box(bare[0], hit.start(), bare.end()) if bare else None
    end = box_end(text, start)
    if end is None:
        line = re.compile(r"[^\n$]*").match(text, start + 1, start + 2_000)
        assert line is not None
        content = line[0].rstrip(" .")
        if content.endswith(r"\}") and r"\{" not in content:  # a space escaped before the end
            content = content[:-2]
        return _Box(content, hit.start(), line.end())
    return _Box(text[start + 1 : end].strip(), hit.start(), end + 1)


def boxes(text: str) -> list[_Box]:
    """The last MAX_BOXES boxes that hold something, in order; a box in a box is its content."""
    found: list[_Box] = []
    marks: list[re.Match[str]] = []
    at = len(text)
    while len(marks) < MAX_BOXES:
        at = text.rfind("box", 0, at)
        if at < 0:
            break
        slash = text.rfind("\\", max(0, at - 8), at)
        hit = BOX.match(text, slash) if slash >= 0 else None
        if hit:
            marks.append(hit)
            at = slash
    inside = 0
    for hit in reversed(marks):
        if hit.start() < inside:
            continue
        box = _box(text, hit)
        if box and box.content.strip("{} "):
            found.append(box)
            inside = box.end
    return found


def _joined(text: str, found: list[_Box]) -> str:
    """The last box, and those that stand beside it as one list."""
    contents = [found[-1].content]
    for earlier, later in zip(found[-2::-1], found[:0:-1], strict=True):
        gap = later.start - earlier.end
        if gap > 60 or not _BETWEEN_BOXES.fullmatch(text, earlier.end, later.start):
            break
        contents.append(earlier.content)
    distinct = list(dict.fromkeys(reversed(contents)))
    return ", ".join(distinct)


def _after_any_cue(text: str) -> str | None:
    return next((found for cue in _CUES if (found := _after_cue(text, cue))), None)


def _after_cue(text: str, cue: re.Pattern[str]) -> str | None:
    """What the last `answer is` says: the formula that follows, or the rest of its sentence."""
    tail = text[-MAX_CUE_TAIL:]
    for hit in reversed(list(cue.finditer(tail))[-MAX_CUES:]):
        rest = tail[hit.end() : hit.end() + MAX_TAIL]
        maths = _MATHS.match(rest.lstrip())
        if maths and not re.match(r"\s*,?\s*(?:and|,)\s*[$\\]", rest.lstrip()[maths.end() :]):
            return _inner(maths)
        end = _SENTENCE_END.search(rest.strip())
        sentence = (rest.strip()[: end.start()] if end else rest.strip())[:2_000]
        if sentence.strip(" *.:$\\()[]") and not _is_talk(sentence):
            return _from_sentence(sentence)
    return None


def _is_talk(sentence: str) -> bool:
    """Whether a sentence holds no answer: many words, no digit and no formula."""
    return not re.search(r"[\d$\\=]", sentence) and len(sentence.split()) > LONGEST_PHRASE


def _inner(hit: re.Match[str]) -> str:
    return next(group for group in hit.groups() if group is not None).strip()


def _from_sentence(sentence: str) -> str:
    """The one formula or number of a sentence; the sentence itself when it is no prose."""
    sentence = sentence.strip(" *")
    if sentence.endswith("}") and "{" not in sentence:
        sentence = sentence.strip('"} ')
    elif sentence.startswith("}"):  # what \text{Answer: } leaves
        sentence = sentence.lstrip("} ")
    formulas = list(_MATHS.finditer(sentence))
    prose = (
        len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\\[A-Za-z]+", "", _MATHS.sub("", sentence)))) >= 2
    )
    if prose and len(formulas) == 1:
        return _inner(formulas[0])
    numbers = [hit for hit in _NUMBER.finditer(sentence) if hit[0].strip()]
    if prose and not formulas and len(numbers) == 1:
        return numbers[0][0]
    return sentence


def _last_formula(text: str) -> str | None:
    formulas = [_inner(hit) for hit in _MATHS.finditer(text[-MAX_TAIL:])]
    telling = [formula for formula in formulas if len(formula) > 1 or formula.isdigit()]
    if not telling and formulas and _last_number(text):
        return None  # names of variables only: the value stands outside of the formulas
    return (telling or formulas)[-1] if formulas else None


def _whole(text: str) -> str | None:
    """A response that is nothing but an answer: a formula without dollar signs, a few words."""
    bare = text.strip().strip("*").strip()
    if not 0 < len(bare) <= LONGEST_BARE or _NOT_BARE.search(bare):
        return None
    told = [word for word in _PROSE.findall(bare) if word.lower() not in _JOINING]
    if len(told) == len(bare.split()) and 0 < len(told) <= LONGEST_NAME:
        return bare
    return bare if not told and re.search(r"[\d\\=(]|^[A-Ja-j]\W*$", bare) else None


def _last_number(text: str) -> str | None:
    hits = [hit[0] for hit in _NUMBER.finditer(text[-MAX_TAIL:]) if hit[0].strip("- ")]
    return hits[-1] if hits else None


def extract(response: str) -> Found | None:
    """The final answer of a response; None when nothing in it looks like one."""
    thinking, mark, said = response.rpartition(THINK_END)
    if mark and not said.strip():
        said = thinking
    tagged = _TAGGED.findall(said[-MAX_CUE_TAIL:]) if "</answer>" in said else []
    if tagged and tagged[-1].strip():
        said = tagged[-1]
    if "box" in said and (found := boxes(said)):
        return Found(_joined(said, found), "box")
    for sign, search in (
        ("cue", _after_any_cue),
        ("whole", _whole),
        ("formula", _last_formula),
        ("number", _last_number),
    ):
        text = search(said)
        if text is not None and text.strip():
            return Found(text.strip()[:LONGEST], sign)
    return None


def candidates(response: str) -> list[str]:
    """Every box of a response and what its cue says: where a right answer may hide unextracted."""
    found = [box.content for box in boxes(response)]
    _, _, said = response.rpartition(THINK_END)
    for search in (_after_any_cue, _last_formula, _last_number):
        text = search(said)
        if text:
            found.append(text)
    return found
