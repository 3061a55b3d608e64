"""The problems that the speed of evaluation is measured on: as many, as long and as answered as
AIME's, and the same everywhere."""

import re
from math import lcm

from bench.gpu.aime_shaped import problems


def test_thirty_different_problems_with_answers_of_aime() -> None:
    found = problems()
    assert len({problem.id for problem in found}) == len({p.problem for p in found}) == 30
    assert all(0 <= int(problem.truth["answer"]) <= 999 for problem in found)
    assert all(200 < len(problem.problem) < 500 for problem in found)
    assert problems() == found and problems(4) == found[:4]


def test_answers_are_right() -> None:
    counting, power, sequence = problems(3)
    factor, other, bound = (
        int(n) for n in re.findall(r"\$(\d+)\$", counting.problem.replace("$1000$", ""))[:3]
    )
    count = bound // factor - bound // lcm(factor, other)
    assert counting.truth["answer"] == str(count % 1000)
    base, exponent, added = map(int, re.findall(r"\$(\d+)\^\{(\d+)\} \+ (\d+)", power.problem)[0])
    assert power.truth["answer"] == str((base**exponent + added) % 1000)
    first, times, plus, index = map(
        int,
        re.findall(r"a_1 = (\d+).*?= (\d+)a_n \+ (\d+).*?a_\{(\d+)\}", sequence.problem)[0],
    )
    term = first
    for _ in range(index - 1):
        term = times * term + plus
    assert sequence.truth["answer"] == str(term % 1000)
