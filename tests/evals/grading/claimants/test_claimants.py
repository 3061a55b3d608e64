"""What each claimant's grader reads and takes for equal; the facts that its users argue about."""

import pytest

from evals.grading import CLAIMANTS, Verdict, lookup
from evals.grading.claimants import boxes, golds, last_number, mathd_sympy, minerva, qwen, qwen_text


def graded(name: str, gold: str, response: str) -> Verdict:
    return lookup(name)({"answer": gold}, response)


@pytest.mark.parametrize(
    ("name", "gold", "response", "correct"),
    [
        ("strict_box", r"\frac{1}{2}", r"so \boxed{1/2}", True),
        ("strict_box", "5", r"so \boxed{5.0}", False),
        ("strict_box", "5", r"\boxed{5} or \boxed{6}", False),
        ("mathd_sympy", r"\frac{1}{2}", r"\boxed{2/4}", False),  # must be reduced
        ("mathd_sympy", r"2\sqrt{2}", r"\boxed{\sqrt{8}}", True),
        ("mathd_sympy", "(2, 3)", r"\boxed{[2,3]}", False),
        ("mathd_sympy", "50", r"\boxed{50\%}", True),
        ("mathd_sympy", r"\boxed{7}", r"\boxed{7}", True),
        ("mathd_sympy_tags", "7", "<answer>6</answer> no, <answer>\n7\n</answer>", True),
        ("mathd_sympy_tags", "7", r"<answer>\boxed{7}</answer>", True),
        ("mathd_sympy_tags", "7", r"<answer>it is \boxed{7}</answer>", False),  # as it stands
        ("mathd_sympy_tags", "7", r"<answer>8</answer> \boxed{7}", False),
        ("mathd_sympy_tags", "7", r"so \boxed{7}", False),
        ("qwen", "10000", r"\boxed{10001}", True),  # tolerance of 1e-4
        ("qwen", "0.5", r"\boxed{50\%}", True),
        ("qwen", "5", "we get 3 then 5", True),
        ("qwen", "16", r"\boxed{16, 17}", False),
        (
            "qwen",
            r"\begin{pmatrix}1&\frac12\end{pmatrix}",
            r"\boxed{\begin{bmatrix}1&0.5\end{bmatrix}}",
            True,
        ),
        ("qwen", "y = 8x + 2", r"\boxed{y=2+8x}", True),
        ("qwen", "B", r"\boxed{(B)}", True),
        ("minerva", "x+1", "Final Answer: The final answer is $1+x$. I hope it is correct.", True),
        ("minerva", "5", r"so \boxed{5}", False),  # only the sentence counts
        (
            "minerva",
            "[1,2)",
            "Final Answer: The final answer is $[1,2)$. I hope it is correct.",
            True,
        ),
        ("qwen_stated", "12", "The answer is 12", True),
        ("qwen_stated", "12", "3 + 9 = 12", False),
        ("last_number", "1234", "72 apples, so 1,234.", True),
        ("last_number", "5", "5 of 6", False),
        ("gsm8k_strict", "1234", "so\n#### 1,234", True),
        ("gsm8k_strict", "42", "so 42", False),
        ("dapo", "34", "**Answer:** 34", False),
        ("dapo", "34", "Answer: $x = 34$", True),
        ("dapo", "34", "Answer: 34" + "\n" + "." * 300, False),
        ("math_verify", "0.5", r"so \boxed{\frac{1}{2}}", True),
        ("math_verify", "0.5", "nothing", False),
    ],
)
def test_verdicts(name: str, gold: str, response: str, correct: bool) -> None:
    assert graded(name, gold, response).correct is correct


@pytest.mark.parametrize("name", CLAIMANTS)
def test_no_answer_is_a_doubt(name: str) -> None:
    verdict = graded(name, "5", "I give up")
    assert (verdict.correct, verdict.extracted, verdict.doubt) == (False, None, "no answer")


@pytest.mark.parametrize("name", CLAIMANTS)
@pytest.mark.parametrize(
    "response",
    ["", "\0", r"\boxed{", r"\boxed{}", r"\boxed{\frac}", r"\boxed{\sqrt}", "Answer:\n", "#### ,"],
)
def test_malformed_responses_are_wrong(name: str, response: str) -> None:
    assert not graded(name, "5", response).correct


def test_any_of_several_golds_will_do() -> None:
    assert lookup("strict_box")({"answer": ["5", "-5"]}, r"\boxed{-5}").correct
    assert golds({"answer": 5}) == ["5"]


def test_an_unclosed_box_hides_earlier_ones() -> None:
    assert boxes.last_box(r"\boxed{1} \boxed{2") is None
    assert boxes.last_box(r"\boxed{\frac{1}{2}} done") == r"\frac{1}{2}"


def test_last_number_reads_long_numbers() -> None:
    assert last_number.equal("9" * 5000, "9" * 5000)
    assert not last_number.equal("9" * 5000, "7")


def test_the_end_of_the_final_answer_sentence_may_be_missing() -> None:
    assert minerva.stated_answer("Final Answer: The final answer is $7$. ") == "$7$"


@pytest.mark.parametrize(
    ("text", "digits"),
    [("forty-two", "42"), ("two thousand three hundred five", "2305"), ("six", "6")],
)
def test_number_words(text: str, digits: str) -> None:
    assert qwen_text.normal_form(text) == digits


def test_qwen_takes_an_unclosed_box_and_a_box_without_braces() -> None:
    assert qwen.extracted(r"\boxed{12") == "12"
    assert qwen.extracted(r"\boxed 12$.") == "12"


def test_mathd_compares_integers_strictly() -> None:
    assert not mathd_sympy.equal("10001", "10000")
    assert not mathd_sympy.equal("2+3", "5")
    assert mathd_sympy.equal("5.0", "5")
