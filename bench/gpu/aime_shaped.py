"""Problems of AIME's shape (30 statements, answers 0 to 999) for measuring the speed of evaluation;
nobody's accuracy: they are made up by rule, and bench/gpu/generation.py alone shows them."""

from collections.abc import Callable
from random import Random

from evals.benchmarks import Problem

NAME = "aime24_shaped"
PROBLEMS = 30
SEED = 24
MODULUS = 1000


def problems(count: int = PROBLEMS) -> list[Problem]:
    """The first problems, the same on every machine."""
    random = Random(SEED)
    kinds: tuple[Callable[[Random], tuple[str, int]], ...] = (_counting, _power, _sequence)
    found = []
    for number in range(count):
        statement, answer = kinds[number % len(kinds)](random)
        found.append(
            Problem(id=f"{NAME}-{number:02d}", problem=statement, truth={"answer": str(answer)})
        )
    return found


def _counting(random: Random) -> tuple[str, int]:
    bound = random.randint(20_000, 90_000)
    factor, other = random.sample([6, 7, 9, 10, 11, 13, 15, 17], 2)
    count = sum(n % factor == 0 and n % other != 0 for n in range(1, bound + 1))
    return (
        f"A positive integer is called bright if it is a multiple of ${factor}$ and dim if it is a "
        f"multiple of ${other}$. Some integers are both bright and dim, and some are neither. Let "
        f"$N$ be the number of positive integers not greater than ${bound}$ that are bright but "
        f"not dim. Find the remainder when $N$ is divided by ${MODULUS}$."
    ), count % MODULUS


def _power(random: Random) -> tuple[str, int]:
    base, exponent = random.randint(12, 99), random.randint(300, 3000)
    added = random.randint(11, 999)
    return (
        f"Ada writes the number ${base}^{{{exponent}}} + {added}$ in base ten on a long strip of "
        "paper and then cuts the strip so that exactly the last three digits are left on the "
        "right-hand piece; zeros at the start of that piece are ignored when it is read as an "
        "integer. Find the integer that Ada reads on the right-hand piece."
    ), (pow(base, exponent, MODULUS) + added) % MODULUS


def _sequence(random: Random) -> tuple[str, int]:
    first, factor = random.randint(2, 20), random.randint(3, 19)
    added, index = random.randint(1, 50), random.randint(60, 400)
    value = first
    for _ in range(index - 1):
        value = (factor * value + added) % MODULUS
    return (
        f"A sequence of integers is defined by $a_1 = {first}$ and $a_{{n+1}} = {factor}a_n + "
        f"{added}$ for all integers $n \\ge 1$. The sequence grows without bound, but the "
        "remainders of its terms repeat from some point on. Find the remainder when "
        f"$a_{{{index}}}$ is divided by ${MODULUS}$."
    ), value % MODULUS
