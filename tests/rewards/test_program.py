"""Programs of models: Python's values for the subset, none for the rest, and an end at once."""

import math
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.rewards.program import ProgramRefused, final_value

SECONDS = 0.5
"""Processor time of one program; many times what the slowest takes on a quiet machine."""


def value(body: str) -> object:
    """What a function with this body returns."""
    indented = "\n".join(f"    {line}" for line in body.split("\n"))
    return final_value(f"def solution():\n{indented}\nresult = solution()", "result")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 7 // 2 + 7 % 4 - 2 ** 3", -2),
        ("return 7 / 2", 3.5),
        ("return -7 // 2", -4),
        ("x = y = 3\nx += y\nx *= 2\nreturn x", 12),
        ("a, (b, c) = 1, (2, 3)\na, b = b, a\nreturn [a, b, c]", [2, 1, 3]),
        ("x: int = 4\nreturn x", 4),
        ("return 1 < 2 < 3 and not 2 < 1", True),
        ("return 0 or [] or 5", 5),
        ("return 3 if 2 > 1 else 4", 3),
        ("x = 5\nif x > 7:\n  return 1\nelif x > 4:\n  return 2\nelse:\n  return 3", 2),
        ("n = 0\nwhile 1:\n n += 1\n if n % 2:\n  continue\n if n > 8:\n  break\nreturn n", 10),
        ("n = 0\nfor i in range(3):\n  n += i\nelse:\n  n += 100\nreturn n", 103),
        ("for i in range(9):\n  if i == 4:\n    break\nelse:\n  i = 0\nreturn i", 4),
        ("for i in range(3):\n for j in range(3):\n  if j == i == 1:\n   return i, j", (1, 1)),
        ("n = 0\nfor i, (a, b) in enumerate(zip([1, 2], 'xy')):\n  n += i + a\nreturn n", 4),
        ("return sum(x * x for x in range(4) if x != 2)", 10),
        ("return [a + b for a in 'ab' for b in 'cd' if a + b != 'ac']", ["ad", "bc", "bd"]),
        ("x = 9\ny = [x for x in range(3)]\nreturn x", 9),
        ("d = {'a': 1, (2, 2): 3}\nd[0] = 4\nd[0] += 1\nreturn sum(d.values()) + d.get(9, 1)", 10),
        ("d = {1: 2, 3: 4}\nreturn [k * v for k, v in d.items()]", [2, 12]),
        ("x = [1, 2, 3, 4]\nx[0] = 9\nx.append(5)\nreturn x[::-2] + x[1:2]", [5, 3, 9, 2]),
        ("x = [1]\ny = x\ny += (2,)\nreturn x", [1, 2]),
        ("return 'ab' * 2 + 'c'", "ababc"),
        ("x = 2.5\nreturn f'{x:.2f} {x} {1000:,}'", "2.50 2.5 1,000"),
        ("return 3 in [1, 3] and 2 not in {1: 1} and 'a' in 'cat' and 4 in range(5)", True),
        ("x = None\nreturn x is None", True),
        ("def f(a, b=2):\n  return a * b\nreturn f(3) + f(b=1, a=1)", 7),
        ("def f(n):\n  return 1 if n < 2 else n * f(n - 1)\nreturn f(10)", 3628800),
        ("x = 1\ndef f():\n  return x\nx = 5\nreturn f()", 5),
        ("def f():\n  pass\nreturn f()", None),
        ("import math\nreturn math.ceil(2.1) + math.sqrt(16)", 7.0),
        ("from math import floor as low, pi\nreturn low(pi)", 3),
        ("import math as m\nreturn m.comb(5, 2) + m.perm(4) + m.prod([2, 3]) + m.lcm(4, 6)", 52),
        ("return round(2.675, 1) + round(2.5) + abs(-1) + int('7') + float(' 1e1 ')", 22.7),
        ("return min(3, 1, 2) + max([4, 5]) + len('abc') + divmod(7, 3)[0] + pow(2, 3)", 19),
        ("return sorted([3, 1]) + list(range(2)) + [any([0, 1])]", [1, 3, 0, 1, True]),
        ("return int(29.9) + True", 30),
        ("assert 1 < 2\nif 2 < 1:\n  raise ValueError('no')\nreturn 1", 1),
        ("return 1\nreturn undefined", 1),
        ("'words'\npass", None),
    ],
)  # fmt: skip
def test_values(body: str, expected: object) -> None:
    found = value(body)
    assert found == expected
    assert type(found) is type(expected)


def test_a_program_of_several_functions() -> None:
    source = (
        "def double(x):\n  return 2 * x\n\ndef solve():\n  return double(21)\n\nanswer = solve()"
    )
    assert final_value(source, "answer") == 42
    with pytest.raises(ProgramRefused):
        final_value(source, "other")


OUTSIDE = {
    "attribute": "return ().__class__",
    "attributes of functions": "return abs.__self__",
    "attributes of a module": "import math\nreturn math.__loader__",
    "methods": "return 'a'.join('b')",
    "format fields": "return '{0.__class__}'.format(1)",
    "import": "import os\nreturn 1",
    "import from": "from os import system\nreturn 1",
    "call of import": "return __import__('os')",
    "builtins": "return eval('1')",
    "open": "return open('/etc/passwd')",
    "lambda": "return (lambda: 1)()",
    "class": "class A:\n  pass\nreturn 1",
    "try": "try:\n  x = 1\nexcept Exception:\n  x = 2\nreturn x",
    "with": "with x:\n  pass\nreturn 1",
    "yield that is never reached": "return 1\nyield 2",
    "global": "global x\nx = 1\nreturn x",
    "delete": "x = 1\ndel x\nreturn 1",
    "walrus": "return (x := 1)",
    "star": "return max(*[1, 2])",
    "decorator": "@abs\ndef f():\n  return 1\nreturn 1",
    "bytes": "return b'1'",
    "complex literal": "return 1j",
    "generator kept": "x = (i for i in [1])\nreturn sum(x)",
    "length of a generator": "return len(i for i in [1])",
    "identity of numbers": "return 5 is 5",
    "percent format": "return '%d' % 5",
    "bits": "return 1 << 3",
    "set attribute": "x = [1]\nx.y = 2\nreturn 1",
    "text of a list": "return str([1])",
    "text of a function": "return str(abs)",
    "key of a function": "return round(2.55, ndigits=1)",
}
FAILING = {
    "syntax": "retur 1",
    "indentation": "x = 1\n   return x",
    "NUL": "return 1\0",
    "lone surrogate": "return '\ud800'",
    "unknown name": "return x",
    "own name before its value": "y = x\nx = 1\nreturn 1",
    "name of the outer function before its value": (
        "x = 1\ndef f():\n  x += 1\n  return x\nreturn f()"
    ),
    "builtin that becomes an own name": "sum = sum([1])\nreturn 1",
    "zero division": "return 1 / 0",
    "remainder of zero": "return 1 % 0",
    "types": "return 1 + 'a'",
    "number as text": "return int('a')",
    "index": "return [1][1]",
    "key": "return {}['a']",
    "unpacking": "a, b = [1]\nreturn 1",
    "overflow": "return 10.0 ** 400",
    "domain": "import math\nreturn math.sqrt(-1)",
    "not a function": "return (3)(4)",
    "arguments": "def f(a):\n  return a\nreturn f()",
    "argument twice": "def f(a):\n  return a\nreturn f(1, a=1)",
    "keyword twice": "def f(a):\n  return a\nreturn 1\nreturn f(a=1, a=1)",
    "parameter twice": "def f(a, a):\n  return a\nreturn 1",
    "break outside a loop": "return 1\nbreak",
    "break of a loop around the function": "for i in [1]:\n  def f():\n    break\nreturn 1",
    "changed while read": "d = {1: 1}\nfor k in d:\n  d[k + 1] = 1\nreturn 1",
    "assertion": "assert 0\nreturn 1",
    "raise": "raise ValueError",
    "unknown annotation": "def f(a: Money):\n  return a\nreturn 1",
}
BOMBS = {
    "tower of powers": "return 9 ** 9 ** 9",
    "pow": "return pow(9, pow(9, 9))",
    "powers of a variable": "x = 9\nfor i in range(99):\n  x = x ** 9\nreturn x",
    "squares": "x = 9\nwhile True:\n  x *= x",
    "endless loop": "while True:\n  pass",
    "endless list": "x = [1]\nfor y in x:\n  x.append(y)\nreturn 1",
    "long loop": "n = 0\nfor i in range(10 ** 9):\n  n += i\nreturn n",
    "sum of a range": "return sum(range(10 ** 9))",
    "smallest of a range": "return min(range(10 ** 9))",
    "list of a range": "return list(range(10 ** 9))",
    "fraction in a range": "return 0.5 in range(10 ** 15)",
    "list of pairs": "return list(zip(range(10 ** 9), range(10 ** 9)))",
    "iterators of iterators": "x = [1]\nfor i in range(9 ** 9):\n  x = zip(x)\nreturn list(x)",
    "recursion": "def f(n):\n  return f(n + 1)\nreturn f(0)",
    "recursion of two": "def f(n):\n  return f(n) + f(n)\nreturn f(0)",
    "branching recursion": "def f(n):\n  return n if n < 2 else f(n - 1) + f(n - 2)\nreturn f(18)",
    "text times": "return 'a' * 10 ** 9",
    "times text": "return 10 ** 9 * 'a'",
    "list times": "return [0] * 10 ** 9",
    "list that doubles": "x = [1]\nwhile True:\n  x = x + x",
    "list that doubles in place": "x = [1]\nwhile True:\n  x += x",
    "text that doubles": "x = 'a'\nwhile True:\n  x += x",
    "text of f-strings": "x = 'a'\nwhile True:\n  x = f'{x}{x}{x}'",
    "wide f-string": "return f'{1:1000000000}'",
    "precise f-string": "return f'{1:.1000000000f}'",
    "computed width": "w = 10 ** 9\nreturn f'{1:{w}}'",
    "percent width": "return '%1000000000d' % 5",
    "comprehensions": "return [a for a in range(999) for b in range(999) for c in range(999)]",
    "nested comprehensions": "return [[[0 for a in x] for b in x] for x in [range(999)] * 999]",
    "sum of a comprehension": "return sum(a for a in range(10 ** 9))",
    "compared trees": (
        "x = [1]\ny = [1]\nfor i in range(60):\n  x = [x, x]\n  y = [y, y]\nreturn x == y"
    ),
    "wide trees": "x = [0] * 3000\ny = [x] * 3000\nreturn y == [x] * 3000",
    "tuple as a key": "x = (1,)\nfor i in range(60):\n  x = (x, x)\nreturn {x: 1}[x]",
    "list in itself": "x = [1]\nx.append(x)\ny = [1]\ny.append(y)\nreturn x == y",
    "deep lists": "x = []\ny = []\nfor i in range(2000):\n  x = [x]\n  y = [y]\nreturn x == y",
    "factorial": "import math\nreturn math.factorial(10 ** 7)",
    "factorials": "import math\nreturn math.factorial(math.factorial(20))",
    "combinations": "import math\nreturn math.comb(10 ** 7, 5 * 10 ** 6)",
    "permutations": "import math\nreturn math.perm(10 ** 7)",
    "product": "import math\nreturn math.prod([9 ** 600] * 999)",
    "least common multiple": "import math\nreturn math.lcm(*[i for i in range(9999)])",
    "divisors of large numbers": (
        "import math\nx = 3 ** 1200\ny = 7 ** 700\nwhile True:\n  math.gcd(x, y)"
    ),
    "roots of large numbers": "import math\nx = 3 ** 1200\nwhile True:\n  math.isqrt(x)",
    "numbers in long texts": "x = '.1234567' * 1 + '1234567' * 400\nwhile True:\n  float(x)",
    "searched texts": "x = 'a' * 4000\ny = 'a' * 1999 + 'b' + 'a' * 1999\nwhile True:\n  y in x",
    "rounding": "return round(5, -10 ** 9)",
    "number of many digits": "return int('9' * 9999)",
    "long literal": f"return {'9' * 5000}",
    "long program": "x = 1\n" * 5000 + "return x",
    "many names of one comprehension": (
        f"for i in range(9999):\n  [0 for {','.join(['a'] * 4000)} in []]\nreturn 1"
    ),
    "many names of one function": (
        f"for i in range(9999):\n  def f():\n    {','.join(['a'] * 4000)} = 1\nreturn 1"
    ),
    "long chain": "return " + "+".join("1" * 4500),
    "signs": "return " + "-" * 9000 + "1",
    "parentheses": "return " + "(" * 300 + "1" + ")" * 300,
    "open brackets": "return " + "[" * 9000,
    "open braces": "return " + "{" * 199,
    "open calls": "return " + "f(" * 4000,
    "nested lists": "return " + "[" * 150 + "]" * 150,
    "subscripts": "x = [1]\nreturn x" + "[0]" * 3000,
    "attributes": "return x" + ".a" * 4500,
    "comparisons": "return " + "<=".join(["1"] * 3000) + "+ None",
    "conditions": "return " + "1 if 0 else " * 800 + "1",
    "nested blocks": "\n".join(" " * i + "if 1:" for i in range(97)) + "\n" + " " * 97 + "return 1",
}  # fmt: skip


VALUELESS = OUTSIDE | FAILING | BOMBS


@pytest.mark.parametrize("name", VALUELESS)
def test_no_value_and_no_wait(name: str) -> None:
    body = VALUELESS[name]
    start = time.process_time()
    with pytest.raises(ProgramRefused):
        value(body)
    assert time.process_time() - start < SECONDS


def test_the_longest_program_that_is_computed_is_quick() -> None:
    start = time.process_time()
    assert value("n = 0\nfor i in range(2000):\n  n += i % 7\nreturn n") == 5995
    assert time.process_time() - start < SECONDS


class Generator:
    """Harmless random programs of the subset: they end, and touch nothing but their own names."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = ["a", "b"]

    def program(self) -> str:
        lines = ["a = 3", "b = 7.5", "items = [4, 1, 2]", "table = {'x': 2, 'y': 5}"]
        lines += ["def scale(n, by=2):", "    return n * by - a"]
        for _ in range(self.random.randint(2, 6)):
            lines += self.statement(2)
        last = self.random.choice([self.number(2), self.text(), "items", "(a, b)"])
        return "\n".join([*lines, f"return {last}"])

    def statement(self, depth: int) -> list[str]:
        simple: list[Callable[[], list[str]]] = [
            lambda: [f"{self.new_name()} = {self.number(2)}"],
            lambda: [f"{self.name()} {self.random.choice(['+', '-', '*'])}= {self.number(1)}"],
            lambda: [f"a, b = {self.number(1)}, {self.number(1)}"],
            lambda: [f"items[{self.random.randint(-3, 3)}] = {self.number(1)}"],
            lambda: [f"items.append({self.number(1)})"],
            lambda: [f"table['{self.random.choice('xyz')}'] = {self.number(1)}"],
        ]
        blocks: list[Callable[[], list[str]]] = [
            lambda: [f"if {self.condition()}:", *self.block(depth), "else:", *self.block(depth)],
            lambda: [f"for i in list({self.sequence()}):", "    a += i", *self.block(depth)],
            lambda: [
                "for key, held in table.items():",
                f"    if {self.condition()}:",
                f"        {self.random.choice(['break', 'continue'])}",
                "    b += held",
            ],
            lambda: [
                f"k{depth} = 0",
                f"while k{depth} < 3:",
                f"    k{depth} += 1",
                *self.block(depth),
            ],
        ]
        return self.random.choice(simple + blocks if depth else simple)()

    def block(self, depth: int) -> list[str]:
        known = list(self.names)
        lines = [
            f"    {line}"
            for _ in range(self.random.randint(1, 2))
            for line in self.statement(depth - 1)
        ]
        # Some of these names are read although the branch that binds them was not taken.
        self.names = self.random.choice([known, self.names])
        return lines

    def number(self, depth: int) -> str:
        pick = self.random.choice
        if not depth:
            return pick([self.name(), str(self.random.randint(-9, 99)), "2.5", "True", "items[1]"])
        left, right = self.number(depth - 1), self.number(depth - 1)
        return pick(
            [
                f"({left} {pick(['+', '-', '*', '/', '//', '%'])} {right})",
                f"({left}) ** {pick(['2', '0', '-1', '.5'])}",
                f"-{left}",
                f"({left} if {self.condition()} else {right})",
                f"round({left}, {pick('012')})",
                f"{pick(['min', 'max'])}({left}, {right})",
                f"{pick(['abs', 'int', 'float', 'math.floor', 'math.sqrt', 'scale'])}({left})",
                f"scale({left}, by={right})",
                f"{pick(['sum', 'len', 'max'])}({self.sequence()})",
                f"sum(j * {left} for j in {self.sequence()} if j > 1)",
                f"table.get('{pick('xyz')}', {left})",
                f"int(f'{{len(items)}}{pick('123')}')",
            ]
        )

    def condition(self) -> str:
        left, right = self.number(0), self.number(0)
        compared = f"{left} {self.random.choice(['<', '<=', '==', '!=', '>'])} {right}"
        return self.random.choice(
            [
                compared,
                f"not {compared}",
                f"{compared} and {left}",
                f"{left} in items or {compared}",
            ]
        )

    def sequence(self) -> str:
        return self.random.choice(
            [
                *["items", "items[:2]", "sorted(items)", "[i + 1 for i in items]"],
                *["range(4)", "range(9, 2, -3)", "[a, b]", "list(table.values())", "[1] * 3"],
            ]
        )

    def text(self) -> str:
        return f"f'{{{self.number(1)}:.2f}} {{{self.name()}}}' + str({self.number(1)})"

    def name(self) -> str:
        return self.random.choice(self.names)

    def new_name(self) -> str:
        self.names.append(self.random.choice(["c", "d", "e"]))
        return self.names[-1]


def python_value(body: str) -> object:
    """What Python itself says about one of our own programs; None where it fails."""
    indented = "\n".join(f"    {line}" for line in body.split("\n"))
    names: dict[str, object] = {"math": math}
    try:
        exec(f"def solution():\n{indented}\nresult = solution()", names)
    except Exception:
        return None
    return names["result"]


def test_random_programs_have_pythons_value() -> None:
    succeeded = 0
    beyond_the_budget = 0
    for seed in range(300):
        body = Generator(seed).program()
        try:
            ours = value("import math\n" + body)
        except ProgramRefused as refusal:
            if "steps" in str(refusal) or "bits" in str(refusal):
                beyond_the_budget += 1
                continue
            ours = None
        theirs = python_value(body)
        assert repr(ours) == repr(theirs), body
        succeeded += theirs is not None
    assert succeeded > 150
    assert beyond_the_budget < 30


def test_programs_in_threads_do_not_disturb_each_other() -> None:
    bodies = [
        f"n = {n}\nfor i in range(20):\n  n += (i * (n - n + 1))\nreturn n" for n in range(200)
    ]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(value, bodies)) == [n + 190 for n in range(200)]
