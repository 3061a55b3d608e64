"""The text by which votes for an answer are counted."""

import pytest

from evals.grading import canonical

ALIKE = [
    ["033", "33.0", "33", "+33", r"\text{33}", "$33$", "x=33", r"\boxed{33}", "33."],
    ["1/2", r"\frac{1}{2}", r"\dfrac12", "0.5", ".5", r"\frac{2}{4}"],
    ["-5", "−5", "-5.00"],  # noqa: RUF001
    ["1234", "1,234", r"1{,}234", r"1\,234"],
    [r"\text{(A)}", "A", "(a)", r"\textbf{(A)}"],
    [r"\sqrt{2}", r"\sqrt 2", r"\sqrt2"],
    ["(1,2)", r"\left( 1, 2 \right)"],
    ["Evelyn", r"\text{Evelyn}", "evelyn"],
]


@pytest.mark.parametrize("spellings", ALIKE)
def test_spellings_of_one_answer_are_one_text(spellings: list[str]) -> None:
    assert len({canonical(spelling) for spelling in spellings}) == 1


def test_different_answers_are_different_texts() -> None:
    firsts = [spellings[0] for spellings in ALIKE]
    others = ["12", "1 2", "1.2", "-1/2", "2", "52_8", "52", "50%", "x", "(2,1)", "[1,2]", ""]
    texts = [canonical(answer) for answer in firsts + others]
    assert len(set(texts)) == len(texts)


def test_a_canonical_text_is_its_own() -> None:
    for spellings in ALIKE:
        assert canonical(canonical(spellings[0])) == canonical(spellings[0])


@pytest.mark.parametrize(
    "answer",
    [
        "9^{9^{9^{9}}}",
        "9" * 100_000,
        "(" * 20_000,
        r"\text{" * 4_000,
        "1e400",
        r"\frac{1",
        "\0",
        "{",
        r"5\text{" + "m" * 60 + "!}",
    ],
)
def test_anything_is_a_text(answer: str) -> None:
    assert isinstance(canonical(answer), str)
