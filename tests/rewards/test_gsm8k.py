"""Forms of GSM8K answers: the number behind ####, and the sentence that states it."""

import random
import re
import time

import pytest

from harness.rewards.gsm8k import number_after_hashes, states_final_answer, value

PIECES = ["#", "##", "####", "7", ",", ".", "$", " ", "\n", "a", "1,000.5"]


def test_the_number_is_what_a_lazy_search_finds() -> None:
    rng = random.Random(1)
    found = 0
    for _ in range(4000):
        text = "".join(rng.choices(PIECES, k=rng.randint(0, 9)))
        match = re.search(r"####.*?([\d,]+(?:\.\d+)?)", text)
        assert number_after_hashes(text) == (match and match.group(1)), text
        found += match is not None
    assert found > 100


def test_a_line_of_hashes_costs_no_time() -> None:
    start = time.process_time()
    assert number_after_hashes("#" * 200_000) is None
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("text", "number"), [("1,000.5", 1000.5), ("7", 7.0), ("007", 7.0), (",", None), ("", None)]
)
def test_values(text: str, number: float | None) -> None:
    assert value(text) == number


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("so\n#### The final answer is 7.", True),
        ("#### The final answer is 7", False),
        ("so\n#### The final answer is -7", False),
        ("so\n ####The final answer is 7", False),
    ],
)
def test_the_sentence(text: str, states: bool) -> None:
    assert states_final_answer(text) is states
